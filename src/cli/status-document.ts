/** The status of everything, as `headgate status` and the admin API give it: the resources with their status, and the problems. */
import type { Note, SourceProblem } from '../controller/parts.ts';
import { badNewsOf, type ResourceStatus, type Statuses } from '../controller/statuses.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import { nameOf, type Resource, type ResourceSet } from '../model/resources.ts';

export type ResourceWithStatus = Resource & { readonly spec?: unknown; readonly status: ResourceStatus };

export interface StatusDocument {
  /** The configuration's version; 0 where files were judged without serving them. */
  readonly version: number;
  readonly isProgrammed: boolean;
  readonly problems: readonly SourceProblem[];
  readonly notes: readonly Note[];
  readonly items: readonly ResourceWithStatus[];
  /** Where the objects that something is wrong with are written down: `routes.yaml:12`. */
  readonly places: Readonly<Record<Key, string>>;
}

export interface KnownStatus {
  readonly resources: ResourceSet;
  readonly statuses: Statuses;
  readonly problems: readonly SourceProblem[];
  readonly notes: readonly Note[];
  readonly version: number;
  readonly isProgrammed: boolean;
  locate(key: Key): string;
}

export function statusDocument({
  resources,
  statuses,
  problems,
  notes,
  version,
  isProgrammed,
  locate,
}: KnownStatus): StatusDocument {
  const items: ResourceWithStatus[] = [];
  for (const [key, status] of statuses) {
    const { kind, namespace, name } = partsOf(key);
    const resource = resources.of(kind).get(namespace === '' ? name : `${namespace}/${name}`);
    if (resource) items.push({ ...resource, status });
  }
  const troubled = [...badNewsOf(statuses).map(({ key }) => key), ...notes.map(({ object }) => object)];
  const places = Object.fromEntries(troubled.map((key) => [key, locate(key)]));
  return { version, isProgrammed, problems, notes, items: items.toSorted(byKindThenName), places };
}

/** The statuses of a document, as the controller has them. */
export function statusesOf({ items }: StatusDocument): Statuses {
  return new Map(
    items.map(({ kind, metadata, status }) => [keyOf(kind, metadata.namespace ?? '', metadata.name), status]),
  );
}

const kindOrder = ['GatewayClass', 'Gateway', 'ListenerSet'];

function byKindThenName(a: Resource, b: Resource): number {
  return rank(a.kind) - rank(b.kind) || compare(a.kind, b.kind) || compare(nameOf(a), nameOf(b));
}

function rank(kind: string): number {
  const place = kindOrder.indexOf(kind);
  return place < 0 ? kindOrder.length : place;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
