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
  const { own, fields, items } = planOf(schema);
  for (const { evaluate, message } of own)
    if (!holds(evaluate, value)) place.problems.push({ severity: 'error', path: [...place.path], message });
  if (typeof value !== 'object' || value === null) return;
  if (items) {
    for (const step of Array.isArray(value) ? value.keys() : Object.keys(value))
      checkAt(step, { schema: items, value: (value as Record<string | number, unknown>)[step] }, place);
  }
  for (const [name, inner] of fields) {
    const fieldValue = (value as Record<string, unknown>)[name];
    if (fieldValue !== undefined) checkAt(name, { schema: inner, value: fieldValue }, place);
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

/** Where in a schema there are rules: in most of it there are none. */
interface Plan {
  readonly own: readonly { readonly evaluate: (self: unknown) => unknown; readonly message: string }[];
  readonly fields: readonly (readonly [name: string, schema: Schema])[];
  /** Of a list's items or a map's values. */
  readonly items: Schema | undefined;
}

const plans = new WeakMap<Schema, Plan>();

function planOf(schema: Schema): Plan {
  let plan = plans.get(schema);
  if (!plan) plans.set(schema, (plan = makePlan(schema)));
  return plan;
}

function makePlan(schema: Schema): Plan {
  const { properties = {}, items, additionalProperties } = schema;
  const inner = items ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
  return {
    own: (schema['x-kubernetes-validations'] ?? []).flatMap(({ rule, message = `must satisfy ${rule}` }) => {
      const evaluate = rules.get(rule);
      return evaluate ? [{ evaluate, message }] : [];
    }),
    fields: Object.entries(properties).filter(([, field]) => hasRules(field)),
    items: inner && hasRules(inner) ? inner : undefined,
  };
}

function hasRules(schema: Schema): boolean {
  const { own, fields, items } = planOf(schema);
  return own.length > 0 || fields.length > 0 || items !== undefined;
}
