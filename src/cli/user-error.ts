/** A mistake or a hindrance the user can do something about: printed without a stack, exit status 1. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
