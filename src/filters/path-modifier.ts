/** HTTPPathModifier: how redirects and rewrites make a new path. Its results are canonical, so nothing has to check them again. */
import type { Problem } from '../contract/problem.ts';
import { normaliseTarget } from '../lib/canonical-target.ts';

export interface PathModifierSpec {
  readonly type: string;
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

export type PathModifierConfig =
  /** A canonical path, which may bring a query of its own. */
  | { readonly type: 'ReplaceFullPath'; readonly target: string }
  /** A canonical path without trailing slash: empty where the prefix is stripped. */
  | { readonly type: 'ReplacePrefixMatch'; readonly prefix: string };

export function compilePathModifier(
  spec: PathModifierSpec,
): { readonly config: PathModifierConfig } | { readonly problem: Problem } {
  if (spec.type === 'ReplaceFullPath') {
    const target = canonical(spec.replaceFullPath ?? '');
    return target === null ? refused('replaceFullPath', spec.replaceFullPath) : { config: { type: spec.type, target } };
  }
  if (spec.type === 'ReplacePrefixMatch') {
    const path = canonical(spec.replacePrefixMatch ?? '');
    if (path === null || path.includes('?')) return refused('replacePrefixMatch', spec.replacePrefixMatch);
    return { config: { type: spec.type, prefix: path.endsWith('/') ? path.slice(0, -1) : path } };
  }
  const message = `path.type ${spec.type} is not supported, use ReplaceFullPath or ReplacePrefixMatch`;
  return { problem: { reason: 'UnsupportedValue', message } };
}

function canonical(path: string): string | null {
  return normaliseTarget(path.startsWith('/') ? path : `/${path}`);
}

function refused(field: string, value = ''): { readonly problem: Problem } {
  const why = 'it needs percent-encoding, or holds %2F, %5C, %00 or a fragment';
  return {
    problem: { reason: 'UnsupportedValue', message: `path.${field} ${JSON.stringify(value)} is no path: ${why}` },
  };
}

/**
 * The target with its new path; the query stays, unless the new path brings one. `pathPrefix` is what the match matched.
 * Prefixes are whole segments: `/api` stripped from `/api/x` leaves `/x`, and from `/api` leaves `/`.
 */
export function modifyTarget(modifier: PathModifierConfig, target: string, pathPrefix: string | undefined): string {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question);
  if (modifier.type === 'ReplaceFullPath')
    return modifier.target.includes('?') ? modifier.target : modifier.target + query;
  const rest = restAfter(path, pathPrefix);
  return rest === null ? target : (modifier.prefix + rest || '/') + query;
}

/** What follows the prefix: empty or beginning with a slash. Null: another filter has already taken the prefix away. */
function restAfter(path: string, pathPrefix: string | undefined): string | null {
  if (pathPrefix === undefined) return null;
  if (path === pathPrefix) return '';
  if (pathPrefix === '/') return path;
  return path.startsWith(pathPrefix) && path.charCodeAt(pathPrefix.length) === 0x2f
    ? path.slice(pathPrefix.length)
    : null;
}
