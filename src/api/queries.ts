/** Parameters of paths and queries that several operations take. */
import { Type } from 'typebox';
import { LIMITS } from '../config.ts';

export const productParams = Type.Object({
  product_id: Type.String({ description: 'The product, percent-encoded' }),
});
export const time = (description: string) =>
  Type.Optional(
    Type.String({ description: `${description}: epoch milliseconds or ISO 8601`, maxLength: 64 }),
  );
export const limit = (standard: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: LIMITS.pageRows, default: standard }));
/** What kept events are numbered by. */
export const keptId = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });
export const query = (properties: Parameters<typeof Type.Object>[0]) =>
  Type.Object(properties, { additionalProperties: false });
