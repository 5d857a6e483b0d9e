/** A user's mistake as data: the reason a condition carries and a message that says what to do about it. */
export interface Problem {
  /** CamelCase, one of the reasons in model/conditions.ts. */
  readonly reason: string;
  readonly message: string;
}
