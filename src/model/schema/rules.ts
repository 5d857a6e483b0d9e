/** Asks the rules of a schema (`x-kubernetes-validations`) about a value that has the right shape and its defaults. Knows no kinds. */
import type { FieldProblem } from '../field-path.ts';
import { rules } from './rules.generated.ts';
import type { Schema } from './schemas.ts';

/** What the rules object to; a rule that cannot be answered is an objection, as for an API server. */
export function checkRules(schema: Schema, value: unknown): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  check(schema, value, { path: [], problems });
  return problems;
}

interface Place {
  readonly path: (string | number)[];
  readonly problems: FieldProblem[];
}

function check(schema: Schema, value: unknown, place: Place): void {
  if (!hasRules(schema)) return;
  for (const { rule, message } of schema['x-kubernetes-validations'] ?? []) {
    const evaluate = rules.get(rule);
    if (evaluate && !holds(evaluate, value))
      place.problems.push({ severity: 'error', path: [...place.path], message: message ?? `must satisfy ${rule}` });
  }
  if (Array.isArray(value)) {
    if (schema.items)
      for (const [index, item] of value.entries()) checkAt(index, { schema: schema.items, value: item }, place);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    const innerSchema = schema.properties?.[name] ?? schema.additionalProperties;
    if (typeof innerSchema === 'object') checkAt(name, { schema: innerSchema, value: inner }, place);
  }
}

function checkAt(step: string | number, { schema, value }: { schema: Schema; value: unknown }, place: Place): void {
  place.path.push(step);
  check(schema, value, place);
  place.path.pop();
}

function holds(evaluate: (self: unknown) => unknown, value: unknown): boolean {
  try {
    return evaluate(value) === true;
  } catch {
    return false;
  }
}

const known = new WeakMap<Schema, boolean>();

/** Whether a rule stands here or below: most of a schema has none. */
function hasRules(schema: Schema): boolean {
  let answer = known.get(schema);
  if (answer === undefined) {
    const inside = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
    answer =
      schema['x-kubernetes-validations'] !== undefined ||
      inside.some((inner) => typeof inner === 'object' && hasRules(inner));
    known.set(schema, answer);
  }
  return answer;
}
