/**
 * Compiles what checks a part of a request when the first request of its kind comes: of making the
 * server it took a third, for operations that most servers are never asked for.
 */
import AjvCompiler from '@fastify/ajv-compiler';

type Validator = ((value: unknown) => unknown) & { errors?: unknown };
type Compile = (route: { schema: unknown }) => Validator;

/**
 * In place of Fastify's own, which compiles the same at once. With one that is given it leaves the
 * names of headers as they are: those of a schema are to be written in small letters.
 */
export function lazyValidators(): ReturnType<typeof AjvCompiler> {
  const factory = AjvCompiler();
  const build = (...schemasAndOptions: Parameters<typeof factory>) =>
    lazily(factory(...schemasAndOptions) as Compile);
  return build as typeof factory;
}

function lazily(compile: Compile): Compile {
  return (route) => {
    let compiled: Validator | null = null;
    const validate: Validator = (value) => {
      compiled ??= compile(route);
      const valid = compiled(value);
      validate.errors = compiled.errors;
      return valid;
    };
    return validate;
  };
}
