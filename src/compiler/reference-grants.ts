/** References that leave their namespace: allowed only where a ReferenceGrant in the target's namespace says so. */
import type { Problem } from '../contract/problem.ts';
import type { ResourceSet } from '../model/resources.ts';
import type { ReferenceGrant } from './resource-types.ts';

export interface ReferenceEnd {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

export interface ReferenceTarget extends ReferenceEnd {
  readonly name: string;
}

/** Grants by the namespace whose objects they open. */
export type GrantIndex = ReadonlyMap<string, readonly ReferenceGrant[]>;

export function indexGrants(resources: ResourceSet): GrantIndex {
  const index = new Map<string, ReferenceGrant[]>();
  for (const grant of resources.of<ReferenceGrant>('ReferenceGrant').values()) {
    const list = index.get(grant.metadata.namespace);
    if (list) list.push(grant);
    else index.set(grant.metadata.namespace, [grant]);
  }
  return index;
}

/**
 * Null where the reference is allowed, else `RefNotPermitted` with the missing grant spelt out.
 * To be asked before the target is looked up: a stranger must not learn from the reason whether the target exists.
 */
export function refusal(grants: GrantIndex, from: ReferenceEnd, to: ReferenceTarget): Problem | null {
  if (from.namespace === to.namespace) return null;
  if ((grants.get(to.namespace) ?? []).some((grant) => permits(grant, from, to))) return null;
  return {
    reason: 'RefNotPermitted',
    message:
      `${from.kind}s in namespace ${from.namespace} may not refer to ${to.kind} ${to.namespace}/${to.name}. ` +
      `The owner of namespace ${to.namespace} can allow it with:\n${missingGrant(from, to)}`,
  };
}

function permits(grant: ReferenceGrant, from: ReferenceEnd, to: ReferenceTarget): boolean {
  const isFrom = grant.spec.from.some(
    (entry) => entry.group === from.group && entry.kind === from.kind && entry.namespace === from.namespace,
  );
  return (
    isFrom &&
    grant.spec.to.some(
      (entry) => entry.group === to.group && entry.kind === to.kind && (!entry.name || entry.name === to.name),
    )
  );
}

function missingGrant(from: ReferenceEnd, to: ReferenceTarget): string {
  return [
    'apiVersion: gateway.networking.k8s.io/v1beta1',
    'kind: ReferenceGrant',
    'metadata:',
    `  name: ${from.kind.toLowerCase()}s-of-${from.namespace}`,
    `  namespace: ${quoted(to.namespace)}`,
    'spec:',
    `  from: [{ group: ${JSON.stringify(from.group)}, kind: ${from.kind}, namespace: ${quoted(from.namespace)} }]`,
    `  to: [{ group: ${JSON.stringify(to.group)}, kind: ${to.kind}, name: ${quoted(to.name)} }]`,
  ].join('\n');
}

/** A name that YAML would take for a number, a boolean or nothing. */
function quoted(name: string): string {
  return /^(?:[0-9].*|y|n|yes|no|on|off|true|false|null)$/.test(name) ? JSON.stringify(name) : name;
}
