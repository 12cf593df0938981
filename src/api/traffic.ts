/**
 * Counts of requests by route and status, and how long they took. Kept in plain arrays, because
 * this runs for every request; the metrics library sees them only when somebody looks.
 */
import type { Metric, Registry } from '@prometheus-io/client';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { Histogram, histogramValues } from '../histogram.ts';
import { HTTP_DURATION, HTTP_REQUESTS } from '../metrics.ts';

declare module 'fastify' {
  interface FastifyRequest {
    traffic: RouteTraffic | null;
    beganMs: number;
  }
}

/** Upper bounds of the histogram, in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** Requests that reached no route of ours. */
const NO_ROUTE = '(none)';

class RouteTraffic {
  readonly route: string;
  readonly statuses = new Map<number, number>();
  readonly seconds = new Histogram(BOUNDS);

  constructor(route: string) {
    this.route = route;
  }

  add(status: number, elapsedMs: number): void {
    this.seconds.add(elapsedMs / 1000);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }
}

export class Traffic {
  readonly #routes = new Map<string, RouteTraffic>();
  readonly #clock: Clock;
  readonly #slowMs: number;
  readonly #log: Logger;
  readonly #debug: boolean;

  constructor(clock: Clock, slowMs: number, log: Logger) {
    this.#clock = clock;
    this.#slowMs = slowMs;
    this.#log = log;
    this.#debug = log.isLevelEnabled('debug');
  }

  route(pattern: string): RouteTraffic {
    const name = pattern === '*' ? NO_ROUTE : pattern;
    let traffic = this.#routes.get(name);
    if (traffic === undefined) {
      traffic = new RouteTraffic(name);
      this.#routes.set(name, traffic);
    }
    return traffic;
  }

  begin(request: FastifyRequest, traffic: RouteTraffic): void {
    request.traffic = traffic;
    request.beganMs = this.#clock.monotonicMs();
  }

  /** Called when the answer has been handed to the socket. */
  end(request: FastifyRequest, status: number): void {
    // A request that could not be routed has no beginning that we saw.
    const elapsedMs = request.traffic ? this.#clock.monotonicMs() - request.beganMs : 0;
    const traffic = request.traffic ?? this.route('*');
    request.traffic = null;
    traffic.add(status, elapsedMs);
    if (!this.#debug && elapsedMs < this.#slowMs) return;
    const fields = { method: request.method, route: traffic.route, status, elapsedMs };
    if (elapsedMs >= this.#slowMs) this.#log.info(fields, 'slow answer');
    else this.#log.debug(fields, 'answered');
  }

  /** Makes both metrics part of what `registry` writes. */
  register(registry: Registry): void {
    const requests = {
      name: HTTP_REQUESTS,
      get: () => ({
        name: HTTP_REQUESTS,
        help: 'HTTP requests answered, by route and status',
        type: 'counter',
        values: [...this.#routes.values()].flatMap(requestValues),
      }),
    };
    const durations = {
      name: HTTP_DURATION,
      get: () => ({
        name: HTTP_DURATION,
        help: 'Time from the head of a request to its answer, by route',
        type: 'histogram',
        values: [...this.#routes.values()]
          .filter(({ seconds }) => seconds.count > 0)
          .flatMap(({ route, seconds }) => histogramValues(HTTP_DURATION, { route }, seconds)),
      }),
    };
    // The registry only calls `get`; its types want the whole class of a metric.
    registry.registerMetric(requests as unknown as Metric);
    registry.registerMetric(durations as unknown as Metric);
  }
}

function requestValues({ route, statuses }: RouteTraffic) {
  return [...statuses].map(([status, value]) => ({ labels: { route, status }, value }));
}
