/** Words that the schemas are made of. */
import { type TSchema, Type } from 'typebox';

const START = 1_760_000_000_000;

export const count = (description: string) => Type.Integer({ minimum: 0, description });
export const timeMs = (description: string) =>
  Type.Integer({ description: `${description}, epoch milliseconds`, examples: [START] });
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const listOf = (values: readonly string[], options: object = {}) =>
  Type.Unsafe<string>({ type: 'string', enum: values, ...options });
