/** ExtensionRefs: from the object of a kind of ours that one names to the definition and the spec of a filter. */
import type { AnyFilterDefinition } from '../contract/filter.ts';
import type { Problem } from '../contract/problem.ts';
import { ownGroup } from '../model/own-kinds.ts';
import type { Resource, ResourceName, ResourceSet } from '../model/resources.ts';
import type { LocalObjectReference } from './resource-types.ts';

/** Objects of our kinds that filters are made of, by kind. */
export type ExtensionObjects = ReadonlyMap<string, ReadonlyMap<ResourceName, Resource>>;

/** Looks an object of a kind of ours up, in the namespace of whoever refers to it. */
export type FindExtension = (kind: string, name: string) => Resource | undefined;

/** Answers the same map for as long as no such object changes. */
export function rememberExtensions(
  definitions: readonly AnyFilterDefinition[],
): (resources: ResourceSet) => ExtensionObjects {
  const kinds = definitions.filter(({ spec }) => typeof spec !== 'string').map(({ type }) => type);
  let known: ExtensionObjects = new Map();
  return (resources) => {
    if (known.size !== kinds.length || kinds.some((kind) => known.get(kind) !== resources.of(kind))) {
      known = new Map(kinds.map((kind) => [kind, resources.of(kind)]));
    }
    return known;
  };
}

export type ResolvedExtension =
  | { readonly definition: AnyFilterDefinition; readonly spec: unknown }
  | { readonly problem: Problem };

/** The problem's reason is `InvalidKind` or `BackendNotFound`: the API's names for a kind that is not known, and an object that is not there. */
export function resolveExtension(
  ref: LocalObjectReference | undefined,
  definitions: readonly AnyFilterDefinition[],
  find: FindExtension,
): ResolvedExtension {
  const { group = '', kind = '', name = '' } = ref ?? {};
  const own = definitions.filter(({ spec }) => typeof spec !== 'string');
  const definition = group === ownGroup ? own.find(({ type }) => type === kind) : undefined;
  if (!definition) {
    const known = own.map(({ type }) => type).join(', ');
    const message = `extensionRef ${name} is a ${kind} of group ${JSON.stringify(group)}: filters are, of group ${ownGroup}, ${known}`;
    return { problem: { reason: 'InvalidKind', message } };
  }
  const object: (Resource & { readonly spec?: unknown }) | undefined = find(kind, name);
  if (object) return { definition, spec: object.spec ?? {} };
  const message = `${kind} ${name} of group ${ownGroup} does not exist in the namespace of what refers to it: create it there, or correct the name`;
  return { problem: { reason: 'BackendNotFound', message } };
}
