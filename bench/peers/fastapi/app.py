"""The peer: a FastAPI server that reads the hash of results from Redis for each request.

`/ctr/latest` is what one writes first, with the quickest parts there are below it (uvloop,
httptools, hiredis). `/quick/latest` neither parses nor validates: it joins the texts of the hash.
"""

import json
import os

from fastapi import FastAPI, Response
from redis.asyncio import Redis

app = FastAPI()
redis = Redis.from_url(os.environ["REDIS_URL"])


@app.get("/ctr/latest")
async def latest():
    rows = await redis.hgetall("ctr:latest")
    return {product.decode(): json.loads(row) for product, row in rows.items()}


@app.get("/quick/latest")
async def quick_latest():
    rows = await redis.hgetall("ctr:latest")
    body = b",".join(b'"%b":%b' % row for row in rows.items())
    return Response(b"{%b}" % body, media_type="application/json")
