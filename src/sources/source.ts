/** Where resources come from, as whoever uses them sees it: everything there is, again after each change. Types only. */
import type { ResourceSet } from '../model/resources.ts';

/** What is wrong with a document. */
export interface SourceProblem {
  readonly severity: 'error' | 'warning' | 'notice';
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  readonly column?: number;
  /** `HTTPRoute shop/cart`. */
  readonly object?: string;
  /** `spec.rules[0].matches[1].path.value`. */
  readonly field?: string;
  readonly message: string;
  /** The file is not there: nothing of it stays in use. */
  readonly isMissing?: true;
}

export type SourceListener = (resources: ResourceSet, problems: readonly SourceProblem[]) => void;

export interface Source {
  /** Calls back with everything there is, at first and after each change, until the signal aborts. */
  start(onChange: SourceListener, signal: AbortSignal): void;
  /** Where an object (`HTTPRoute shop/cart`) is written down, for messages about it; a source without files leaves it out. */
  locate?(object: string): { readonly file: string; readonly line: number } | undefined;
}
