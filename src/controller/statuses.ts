/** The statuses of resources as the compiler makes them, the times it must not know, and what in them is bad news. */
import { isEqual } from '../contract/config-diff.ts';
import type { Key } from '../contract/keys.ts';
import { deriveMap, differences } from '../lib/derived-map.ts';
import { isTrouble, type Condition } from '../model/conditions.ts';

/** `lastTransitionTime` is RFC 3339: when `status` last changed. */
export type TimedCondition = Condition & { readonly lastTransitionTime?: string };

/** The status of any kind of resource; which parts there are depends on the kind. */
export interface ResourceStatus {
  readonly conditions?: readonly TimedCondition[];
  readonly listeners?: readonly {
    readonly name: string;
    readonly attachedRoutes?: number;
    readonly conditions?: readonly TimedCondition[];
  }[];
  readonly parents?: readonly { readonly parentRef: unknown; readonly conditions?: readonly TimedCondition[] }[];
  readonly ancestors?: readonly { readonly ancestorRef: unknown; readonly conditions?: readonly TimedCondition[] }[];
}

export type Statuses = ReadonlyMap<Key, ResourceStatus>;

/**
 * Returns what adds the time of each condition's last transition: the one it had while its `status` stays the same, `now`
 * otherwise. A status that is the same object as last time costs nothing and gets the same object again.
 */
export function createTimes(): (statuses: Statuses, now: string) => Statuses {
  let from: Statuses = new Map();
  let timed: Statuses = new Map();
  return (statuses, now) => {
    const changes = differences(from, statuses).map(
      ([key, , status]) => [key, stamp(timed.get(key), status, now) as ResourceStatus | undefined] as const,
    );
    from = statuses;
    timed = deriveMap(timed, changes);
    return timed;
  };
}

/** Conditions are the only objects with a `type` and a `reason`, so the walk need not know the shape of each kind's status. */
function stamp(before: unknown, value: unknown, now: string): unknown {
  if (Array.isArray(value)) return value.map((item, i) => stamp(counterpart(before, item, i), item, now));
  if (typeof value !== 'object' || value === null) return value;
  if (isCondition(value)) {
    const isSame =
      typeof before === 'object' && before !== null && isCondition(before) && before.status === value.status;
    return { ...value, lastTransitionTime: (isSame && before.lastTransitionTime) || now };
  }
  const old = (before ?? {}) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, stamp(old[name], item, now)]));
}

/** The item of the earlier list that is the same thing: by the key of the list as Kubernetes defines it, not by place. */
function counterpart(before: unknown, item: unknown, index: number): unknown {
  if (!Array.isArray(before) || typeof item !== 'object' || item === null) return undefined;
  for (const name of ['type', 'name', 'parentRef', 'ancestorRef'] as const) {
    if (!(name in item)) continue;
    const wanted = (item as Record<string, unknown>)[name];
    return before.find((other) => isEqual((other as Record<string, unknown> | null)?.[name], wanted));
  }
  return before[index];
}

function isCondition(value: object): value is TimedCondition {
  return 'type' in value && 'status' in value && 'reason' in value;
}

/** A condition that says that something does not work, and the part of the resource it is about. */
export interface BadNews {
  readonly key: Key;
  /** `listener http`, `parent web/http`, or empty for the resource as a whole. */
  readonly part: string;
  readonly condition: Condition;
  /** An error keeps traffic from being served as written; a warning does not. */
  readonly severity: 'error' | 'warning';
}

const toldNews = new WeakMap<Statuses, readonly BadNews[]>();

/** Everything that is not as its author wished, resource by resource. */
export function badNewsOf(statuses: Statuses): readonly BadNews[] {
  const told = toldNews.get(statuses) ?? collectBadNews(statuses);
  toldNews.set(statuses, told);
  return told;
}

function collectBadNews(statuses: Statuses): readonly BadNews[] {
  return [...statuses].flatMap(([key, status]) => badNewsAbout(key, status));
}

/** The same of one resource. */
export function badNewsAbout(key: Key, status: ResourceStatus): readonly BadNews[] {
  return [
    ...troubles(status.conditions).map((news) => ({ key, part: '', ...news })),
    ...(status.listeners ?? []).flatMap(({ name, conditions }) =>
      troubles(conditions).map((news) => ({ key, part: `listener ${name}`, ...news })),
    ),
    ...(status.parents ?? []).flatMap(({ parentRef, conditions }) =>
      troubles(conditions).map((news) => ({ key, part: `parent ${parentText(parentRef)}`, ...news })),
    ),
    ...(status.ancestors ?? []).flatMap(({ ancestorRef, conditions }) =>
      troubles(conditions).map((news) => ({ key, part: `ancestor ${parentText(ancestorRef)}`, ...news })),
    ),
  ];
}

function troubles(conditions: readonly Condition[] | undefined): Pick<BadNews, 'condition' | 'severity'>[] {
  return (conditions ?? [])
    .filter(isTrouble)
    .map((condition) => ({ condition, severity: isMinor(condition) ? 'warning' : 'error' }));
}

const minorTypes: ReadonlySet<string> = new Set([
  'headgate.dev/Unreachable',
  'headgate.dev/Unlisted',
  'OverlappingTLSConfig',
  'InsecureFrontendValidationMode',
]);

/** What is served as written, although it may not be what was meant. */
function isMinor({ type }: Condition): boolean {
  return minorTypes.has(type);
}

/** `web`, `infra/web`, `web listener http`, as a person names it. */
export function parentText(parentRef: unknown): string {
  const { namespace, name, sectionName, port } = parentRef as Readonly<Record<string, string | number | undefined>>;
  const base = namespace === undefined ? `${name}` : `${namespace}/${name}`;
  const section = sectionName === undefined ? '' : ` listener ${sectionName}`;
  return `${base}${section}${port === undefined ? '' : ` port ${port}`}`;
}
