/** Memory by identity: a step that sees the same objects again gives the same result object again. Knows nothing of what it remembers. */

interface Entry<T> {
  readonly inputs: readonly unknown[];
  readonly value: T;
}

/** Results by the object they were made for. An owner that is gone takes its result with it. */
export type Memory<T> = WeakMap<object, Entry<T>>;

export function createMemory<T>(): Memory<T> {
  return new WeakMap();
}

/** The remembered value of `owner` if all `inputs` are the same objects as when it was made, else what `make` returns now. */
export function remember<T>(memory: Memory<T>, at: { owner: object; inputs: readonly unknown[] }, make: () => T): T {
  const known = memory.get(at.owner);
  if (known !== undefined && isSameList(known.inputs, at.inputs)) return known.value;
  const value = make();
  memory.set(at.owner, { inputs: at.inputs, value });
  return value;
}

/** Whether both lists hold the same objects in the same order. */
export function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
