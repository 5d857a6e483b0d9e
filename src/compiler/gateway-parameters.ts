/** GatewayParameters, a kind of our own, and the `parametersRef` of Gateways and GatewayClasses that name it. */
import type { Problem } from '../contract/problem.ts';
import { ownGroup, type OwnKind } from '../model/own-kinds.ts';
import type { Resource } from '../model/resources.ts';
import type { Schema } from '../model/schema/schemas.ts';
import type { References } from './references.ts';
import type { Gateway, GatewayClass } from './resource-types.ts';

/** What is set of it for a Gateway, by its class and itself. */
export interface GatewayParametersSpec {
  readonly service?: {
    /** Absent: `ClusterIP`. */
    readonly type?: 'ClusterIP' | 'None';
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** The limits are those of `spec.infrastructure`. */
const texts = (description: string, values: Schema): Schema => ({
  type: 'object',
  description: `${description} Those of the Gateway's spec.infrastructure go before them.`,
  maxProperties: 16,
  additionalProperties: { type: 'string', ...values },
});

export const gatewayParametersKind: OwnKind = {
  kind: 'GatewayParameters',
  plural: 'gatewayparameters',
  description: 'Settings for what a Gateway gets in a cluster, named by parametersRef of a Gateway or a GatewayClass.',
  schema: {
    type: 'object',
    properties: {
      service: {
        type: 'object',
        description: 'The Service that a Gateway gets in its namespace.',
        properties: {
          type: {
            type: 'string',
            enum: ['ClusterIP', 'None'],
            description: 'ClusterIP by default; None for a Gateway that needs no Service.',
          },
          labels: texts('Labels of the Service.', {
            maxLength: 63,
            pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$',
          }),
          annotations: texts('Annotations of the Service.', { maxLength: 4096 }),
        },
      },
    },
  },
};

interface GatewayParameters extends Resource {
  readonly spec: GatewayParametersSpec;
}

interface ParametersReference {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

export type FoundParameters = { readonly parameters: GatewayParametersSpec } | { readonly problem: Problem };

/** Those of the Gateway, over those of its class. A class whose reference is broken sets nothing: its own status says so. */
export function parametersOf(gateway: Gateway, references: References): FoundParameters {
  const { infrastructure, gatewayClassName } = gateway.spec;
  const gatewayClass = references.find('GatewayClass', gatewayClassName) as GatewayClass | undefined;
  const ofClass = gatewayClass ? classParameters(gatewayClass, references) : nothing;
  const base = 'parameters' in ofClass ? ofClass.parameters : {};
  const ref = infrastructure?.parametersRef;
  if (!ref) return { parameters: base };
  const at = { field: 'spec.infrastructure.parametersRef', namespace: gateway.metadata.namespace };
  const own = find(ref, at, references);
  return 'problem' in own ? own : { parameters: merge(base, own.parameters) };
}

const nothing: FoundParameters = { parameters: {} };

/** `InvalidParameters` where the class names what cannot be used. */
export function classParameters({ spec }: GatewayClass, references: Pick<References, 'find'>): FoundParameters {
  const ref = spec.parametersRef;
  return ref ? find(ref, { field: 'spec.parametersRef', namespace: ref.namespace }, references) : nothing;
}

function find(
  { group, kind, name }: ParametersReference,
  { field, namespace }: { readonly field: string; readonly namespace: string | undefined },
  references: Pick<References, 'find'>,
): FoundParameters {
  if (group !== ownGroup || kind !== gatewayParametersKind.kind) {
    const known = `${gatewayParametersKind.kind} of group ${ownGroup}`;
    return invalid(`${field} names ${kind} ${name} of group ${group}: use ${known}, or remove the field`);
  }
  if (namespace === undefined) return invalid(`${field} names ${kind} ${name} without a namespace: add it`);
  const full = `${namespace}/${name}`;
  const object = references.find(kind, full) as GatewayParameters | undefined;
  if (!object) return invalid(`${field} names ${kind} ${full}, which does not exist: create it, or remove the field`);
  const { labels = {}, annotations = {} } = object.spec.service ?? {};
  const wrong = [...Object.keys(labels), ...Object.keys(annotations)].find((key) => !qualifiedName.test(key));
  if (wrong !== undefined) {
    const rule = 'an optional DNS prefix with a slash, then at most 63 letters, digits, "-", "_" and "."';
    return invalid(`${kind} ${full} has the name ${JSON.stringify(wrong)} for a label or annotation: write ${rule}`);
  }
  return { parameters: object.spec };
}

/** What an API server takes for the name of a label or annotation. */
const qualifiedName = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** Field by field; labels and annotations one by one. */
function merge(base: GatewayParametersSpec, own: GatewayParametersSpec): GatewayParametersSpec {
  const labels = { ...base.service?.labels, ...own.service?.labels };
  const annotations = { ...base.service?.annotations, ...own.service?.annotations };
  return { service: { ...base.service, ...own.service, labels, annotations } };
}

function invalid(message: string): FoundParameters {
  return { problem: { reason: 'InvalidParameters', message } };
}
