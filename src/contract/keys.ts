/** Makes the keys by which tables and messages name things. The only place where a key is put together or taken apart. */

/** `Kind/namespace/name[/section…]`; the namespace of cluster-scoped kinds is empty. */
export type Key = string;

/** Joins the parts of a key. Kubernetes names hold no slash, so a key is unambiguous; a section may (it comes last). */
export function keyOf(kind: string, namespace: string, name: string, ...sections: readonly (string | number)[]): Key {
  const base = `${kind}/${namespace}/${name}`;
  return sections.length === 0 ? base : `${base}/${sections.join('/')}`;
}

/** The parts of a key; `section` is everything after the name, or empty. */
export function partsOf(key: Key): { kind: string; namespace: string; name: string; section: string } {
  const [kind = '', namespace = '', name = '', ...rest] = key.split('/');
  return { kind, namespace, name, section: rest.join('/') };
}
