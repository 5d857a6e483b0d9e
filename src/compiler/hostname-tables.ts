/** Puts the matches of all routes that share a listener, a hostname and an own hostname into one list, in order of precedence. */
import type { HostnameConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import { isSameList } from './memory.ts';
import { compareMatches, type RankedMatch } from './precedence.ts';
import type { Attachment, AttachedRoute, ResolvedListener, TranslatedRoute } from './resolved.ts';

export interface HostnameTable {
  readonly key: Key;
  readonly listener: ResolvedListener;
  readonly config: HostnameConfig;
  /** The matches of `config` with their routes, in the same order. */
  readonly ranked: readonly RankedMatch[];
  readonly contributors: readonly TranslatedRoute[];
}

export type HostnameTables = ReadonlyMap<Key, HostnameTable>;

interface Draft {
  readonly attachment: Attachment;
  readonly contributors: TranslatedRoute[];
}

/** `previous` lends the tables to which nothing happened, so that only changed ones are sorted. */
export function buildHostnameTables(
  routes: readonly { readonly attached: AttachedRoute; readonly translated: TranslatedRoute }[],
  previous: HostnameTables,
): HostnameTables {
  const drafts = new Map<Key, Draft>();
  for (const { attached, translated } of routes) {
    if (translated.accepted) continue;
    for (const parent of attached.parents)
      for (const attachment of parent.attachments) addTo(drafts, attachment, translated);
  }
  const tables = new Map<Key, HostnameTable>();
  for (const [key, { attachment, contributors }] of drafts) {
    const before = previous.get(key);
    const isSame = before?.listener === attachment.listener && isSameList(before.contributors, contributors);
    tables.set(key, isSame ? before : sortTable(attachment, contributors, before));
  }
  return tables;
}

function addTo(drafts: Map<Key, Draft>, attachment: Attachment, route: TranslatedRoute): void {
  if (attachment.listener.config === null) return;
  const draft = drafts.get(attachment.table);
  if (!draft) drafts.set(attachment.table, { attachment, contributors: [route] });
  // Two parentRefs of one route may name the same listener; they come one after the other.
  else if (draft.contributors.at(-1) !== route) draft.contributors.push(route);
}

function sortTable(
  { table, listener, hostname, own }: Attachment,
  contributors: readonly TranslatedRoute[],
  before: HostnameTable | undefined,
): HostnameTable {
  const ranked = mergeSorted(contributors, before);
  const config = { listener: listener.key, hostname, own, matches: ranked.map((one) => one.match) };
  return { key: table, listener, config, ranked, contributors };
}

/** Begins with what was sorted before, which a sort then finds nearly in order. */
function mergeSorted(contributors: readonly TranslatedRoute[], before: HostnameTable | undefined): RankedMatch[] {
  if (!before) return contributors.flatMap((route) => route.matches).sort(compareMatches);
  const known = new Set(before.contributors);
  const kept = new Set(contributors);
  const gone = new Set(before.contributors.filter((route) => !kept.has(route)).flatMap((route) => route.matches));
  const ranked = before.ranked.filter((one) => !gone.has(one));
  for (const route of contributors) if (!known.has(route)) ranked.push(...route.matches);
  return ranked.sort(compareMatches);
}
