/** An error of the table with what only HTTP has: members of its document, headers. */
import { ClickrateError, type ErrorCode } from '../errors.ts';

export class ProblemError extends ClickrateError {
  readonly members: object;
  readonly headers: string[];
  constructor(code: ErrorCode, detail: string, members: object = {}, headers: string[] = []) {
    super(code, detail);
    this.members = members;
    this.headers = headers;
  }
}
