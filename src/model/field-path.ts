/** Where in a document something is: a path of keys and places, and its text as `kubectl` writes it. */

export type FieldPath = readonly (string | number)[];

/** `spec.rules[0].matches[1].path.value`; a key with other characters stands in brackets: `metadata.labels["a/b"]`. */
export function fieldText(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** What is wrong with a document, and where in it. */
export interface FieldProblem {
  readonly severity: 'error' | 'warning';
  readonly path: FieldPath;
  /** What is wrong and what to do, without the path. */
  readonly message: string;
}
