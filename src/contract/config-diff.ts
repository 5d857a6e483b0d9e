/** Keyed difference of two configurations, and how it is applied. Serves the controller, the channel and the proxies alike. */
import { emptyConfig, type GatewayConfig, type TableName } from './gateway-config.ts';
import type { Key } from './keys.ts';

/** For each table that changed: the entry that a key now has, or null where it is gone. */
export type ConfigPatch = { readonly [T in TableName]?: Readonly<Record<Key, GatewayConfig[T][Key] | null>> };

export const tableNames = Object.keys(emptyConfig) as readonly TableName[];

/**
 * For a configuration made by `deriveConfig`: what it was made from, so that their difference is known without a look at a
 * table. Held weakly, since each would else keep all those before it.
 */
const origins = new WeakMap<GatewayConfig, { readonly from: WeakRef<GatewayConfig>; readonly patch: ConfigPatch }>();

/** What turns `from` into `to`; null when there is nothing to do. Identical objects are never looked into. */
export function diffConfig(from: GatewayConfig, to: GatewayConfig): ConfigPatch | null {
  if (from === to) return null;
  const origin = origins.get(to);
  if (origin?.from.deref() === from) return origin.patch;
  const patch: Record<string, Record<Key, unknown>> = {};
  for (const name of tableNames) {
    const changed = diffTable(from[name], to[name]);
    if (changed) patch[name] = changed;
  }
  return Object.keys(patch).length === 0 ? null : patch;
}

function diffTable(
  from: Readonly<Record<Key, unknown>>,
  to: Readonly<Record<Key, unknown>>,
): Record<Key, unknown> | null {
  if (from === to) return null;
  let changed: Record<Key, unknown> | null = null;
  for (const key in to) {
    const before = from[key];
    const after = to[key];
    if (before === after || (before !== undefined && isEqual(before, after))) continue;
    changed ??= {};
    changed[key] = after;
  }
  for (const key in from) {
    if (key in to) continue;
    changed ??= {};
    changed[key] = null;
  }
  return changed;
}

/** Equality of plain JSON data. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => isEqual(item, b[i]));
  }
  const keysOfA = Object.keys(a);
  if (keysOfA.length !== Object.keys(b).length) return false;
  for (const key of keysOfA) {
    if (!Object.hasOwn(b, key)) return false;
    if (!isEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])) return false;
  }
  return true;
}

/** The configuration after the patch. Tables the patch does not name stay the same objects. */
export function patchConfig(config: GatewayConfig, patch: ConfigPatch): GatewayConfig {
  const next: Record<string, Record<Key, unknown>> = { ...config };
  for (const name of tableNames) next[name] = patchTable(config[name], patch[name]);
  return next as unknown as GatewayConfig;
}

function patchTable(
  from: Readonly<Record<Key, unknown>>,
  changed: Readonly<Record<Key, unknown>> | undefined,
): Record<Key, unknown> {
  if (!changed) return from;
  const table: Record<Key, unknown> = { ...from };
  for (const key in changed) {
    const value = changed[key];
    if (value === null) delete table[key];
    else table[key] = value;
  }
  return table;
}

/** A configuration that one owner changes in place: nobody else may keep a table, but every entry stays what it was. */
export type ConfigInPlace = { readonly [T in TableName]: Record<Key, GatewayConfig[T][Key]> };

export const emptyConfigInPlace = (): ConfigInPlace => structuredClone(emptyConfig);

/** As `patchConfig`, at the price of the patch instead of that of the tables. */
export function patchInPlace(config: ConfigInPlace, patch: ConfigPatch): void {
  for (const name of tableNames) {
    const table: Record<Key, unknown> = config[name];
    const changed = patch[name] ?? {};
    for (const key in changed) {
      const value = changed[key];
      if (value === null) delete table[key];
      else table[key] = value;
    }
  }
}

/** The one patch that does what both do in turn. */
export function mergePatches(first: ConfigPatch, second: ConfigPatch): ConfigPatch {
  const merged: Record<string, unknown> = { ...first };
  for (const name of tableNames) if (second[name]) merged[name] = { ...first[name], ...second[name] };
  return merged;
}

/**
 * So many derived configurations may stand on each other before their tables are made: bounds what a look walks and keeps.
 * To make them takes as long as everything else that dozens of changed routes cause, so it must be rare.
 */
const derivedLimit = 1000;

interface Derivation {
  /** Null once all tables are made. */
  from: GatewayConfig | null;
  readonly patch: ConfigPatch;
  readonly depth: number;
  readonly made: Map<TableName, Readonly<Record<Key, unknown>>>;
}

const derivations = new WeakMap<GatewayConfig, Derivation>();

/**
 * As `patchConfig`, but the tables are made only when somebody looks at them: copying a table of 10,000 entries takes
 * longer than all else that one changed route causes.
 */
export function deriveConfig(from: GatewayConfig, patch: ConfigPatch): GatewayConfig {
  const depth = (derivations.get(from)?.depth ?? 0) + 1;
  const config = {} as GatewayConfig;
  for (const name of tableNames) {
    Object.defineProperty(config, name, { enumerable: true, get: () => tableOf(config, name) });
  }
  derivations.set(config, { from, patch, depth: depth > derivedLimit ? 0 : depth, made: new Map() });
  origins.set(config, { from: new WeakRef(from), patch });
  if (depth > derivedLimit) for (const name of tableNames) tableOf(config, name);
  return config;
}

/** One copy, whatever the number of patches on the way. */
function tableOf(config: GatewayConfig, name: TableName): Readonly<Record<Key, unknown>> {
  const derivation = derivations.get(config);
  if (!derivation) return config[name];
  const known = derivation.made.get(name);
  if (known) return known;
  const patches: NonNullable<ConfigPatch[TableName]>[] = [];
  let base: Readonly<Record<Key, unknown>> | undefined;
  let at: GatewayConfig = config;
  while (base === undefined) {
    const step = derivations.get(at);
    base = step ? step.made.get(name) : at[name];
    if (base !== undefined || !step?.from) break;
    const changed = step.patch[name];
    if (changed) patches.unshift(changed);
    at = step.from;
  }
  const table = patches.length === 0 ? (base ?? {}) : Object.assign({}, base, ...patches);
  for (const changed of patches) for (const key in changed) if (table[key] === null) delete table[key];
  derivation.made.set(name, table);
  if (derivation.made.size === tableNames.length) derivation.from = null;
  return table;
}
