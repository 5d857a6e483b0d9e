/** URLs of the Kubernetes API: where a kind's objects, one object, or one of its subresources lives. */

export interface CollectionPath {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Absent: all namespaces, or a cluster-scoped kind. */
  readonly namespace?: string;
}

export interface ObjectPath extends CollectionPath {
  readonly name: string;
  readonly subresource?: 'status';
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export function urlPathOf(path: CollectionPath | ObjectPath, query: Query = {}): string {
  const { group, version, plural, namespace } = path;
  const parts = group === '' ? ['api', version] : ['apis', group, version];
  if (namespace) parts.push('namespaces', namespace);
  parts.push(plural);
  if ('name' in path) parts.push(path.name);
  if ('name' in path && path.subresource) parts.push(path.subresource);
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return `/${parts.map(encodeURIComponent).join('/')}${search.size > 0 ? `?${search.toString()}` : ''}`;
}
