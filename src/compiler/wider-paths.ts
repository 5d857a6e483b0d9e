/** Of two paths that matches name: whether one takes all that the other does. Text only; says no where it cannot tell. */
import type { PathMatch } from '../contract/gateway-config.ts';

const everyPath: PathMatch = { type: 'PathPrefix', value: '/' };

/** Whether every path that fits `narrow` surely fits `wide`. */
export function isWiderPath(wide: PathMatch, narrow: PathMatch): boolean {
  if (wide.type === narrow.type && wide.value === narrow.value) return true;
  if (wide.type === 'Exact') return false;
  if (wide.type === 'RegularExpression') return isSwept(narrow, sweepOf(wide));
  if (wide.value === '/') return true;
  if (narrow.type === 'RegularExpression' || !narrow.value.startsWith(wide.value)) return false;
  return narrow.value.length === wide.value.length || narrow.value[wide.value.length] === '/';
}

/** All of which `isWiderPath` says yes, but for expressions. */
export function widerPaths(path: PathMatch): readonly PathMatch[] {
  const { type, value } = path;
  const wider = new Set([everyPath.value]);
  if (type !== 'RegularExpression') {
    for (let end = value.indexOf('/', 1); end > 0; end = value.indexOf('/', end + 1)) wider.add(value.slice(0, end));
    wider.add(value);
  }
  const prefixes = [...wider].map((prefix) => ({ type: everyPath.type, value: prefix }));
  return type === 'PathPrefix' ? prefixes : [path, ...prefixes];
}

/** How all paths begin that fit an expression like `/api/.*`, and all that begin so fit it; null for any other match. */
export function sweepOf({ type, value }: PathMatch): string | null {
  if (type !== 'RegularExpression') return null;
  const literal = /^\^?((?:[^\\^$.|?*+()[\]{}]|\\[-./])*)\.\*\$?$/.exec(value)?.[1];
  return literal?.replaceAll('\\', '') ?? null;
}

/** Whether all that fits the path begins like this. */
export function isSwept({ type, value }: PathMatch, sweep: string | null): boolean {
  return sweep !== null && type !== 'RegularExpression' && value.startsWith(sweep);
}
