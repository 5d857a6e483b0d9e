/** The few fields of core kinds that Headgate reads: their types, and light checks in the place of a schema. */
import type { FieldPath, FieldProblem } from './field-path.ts';
import type { Resource } from './resources.ts';
import { StructureReader } from './schema/structure.ts';
import type { Schema } from './schema/schemas.ts';

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly targetPort?: number | string;
  readonly nodePort?: number;
  /** KEP-3726, such as `kubernetes.io/h2c`. */
  readonly appProtocol?: string;
}

export interface Service extends Resource {
  readonly kind: 'Service';
  readonly spec: {
    readonly type?: string;
    readonly clusterIP?: string;
    /** Both families, where the cluster has two. */
    readonly clusterIPs?: readonly string[];
    readonly externalName?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly ServicePort[];
  };
}

export interface EndpointSlice extends Resource {
  readonly kind: 'EndpointSlice';
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
    readonly zone?: string;
  }[];
  readonly ports?: readonly {
    readonly name?: string;
    readonly port?: number;
    readonly protocol?: string;
    readonly appProtocol?: string;
  }[];
}

export interface Secret extends Resource {
  readonly kind: 'Secret';
  readonly type?: string;
  /** Base64. What a manifest has in `stringData` is here too, as an API server does it. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends Resource {
  readonly kind: 'ConfigMap';
  readonly data?: Readonly<Record<string, string>>;
}

/** GEP-5075. */
export interface ClusterTrustBundle extends Resource {
  readonly kind: 'ClusterTrustBundle';
  readonly spec: {
    /** PEM. */
    readonly trustBundle?: string;
  };
}

export interface Namespace extends Resource {
  readonly kind: 'Namespace';
}

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const port: Schema = { type: 'integer', minimum: 1, maximum: 65_535 };
const protocol: Schema = { type: 'string', default: 'TCP', enum: ['TCP', 'UDP', 'SCTP'] };
const texts: Schema = { type: 'object', additionalProperties: text };

/** What is not named here is left as it is: other programs read it. */
const schemas: Readonly<Record<string, Readonly<Record<string, Schema>>>> = {
  Service: {
    spec: open({
      type: { type: 'string', enum: ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] },
      clusterIP: text,
      clusterIPs: { type: 'array', items: text },
      externalName: text,
      selector: texts,
      ports: {
        type: 'array',
        items: open(
          { name: text, port, protocol, targetPort: { 'x-kubernetes-int-or-string': true }, appProtocol: text },
          ['port'],
        ),
      },
    }),
  },
  EndpointSlice: {
    addressType: { type: 'string', enum: ['IPv4', 'IPv6', 'FQDN'] },
    endpoints: {
      type: 'array',
      items: open(
        {
          addresses: { type: 'array', minItems: 1, maxItems: 100, items: text },
          conditions: open({ ready: flag, serving: flag, terminating: flag }),
          zone: text,
        },
        ['addresses'],
      ),
    },
    ports: { type: 'array', items: open({ name: text, port, protocol, appProtocol: text }) },
  },
  Secret: { type: text, data: texts, stringData: texts },
  ConfigMap: { data: texts, binaryData: texts },
  ClusterTrustBundle: { spec: open({ signerName: text, trustBundle: text }) },
  Namespace: {},
};

const required: Readonly<Record<string, readonly string[]>> = {
  ClusterTrustBundle: ['spec'],
  EndpointSlice: ['addressType'],
  Service: ['spec'],
};

/** An object of which more may be there than is named. */
function open(properties: Readonly<Record<string, Schema>>, requiredFields: readonly string[] = []): Schema {
  return { type: 'object', properties, required: requiredFields, 'x-kubernetes-preserve-unknown-fields': true };
}

export interface CoreReading {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly problems: readonly FieldProblem[];
}

/** Checks the fields of a core kind's document and applies defaults; `metadata`, `apiVersion` and `kind` are not looked at. */
export function readCore(kind: string, document: Readonly<Record<string, unknown>>): CoreReading {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, status: _status, ...own } = document;
  const reader = new StructureReader();
  const read = (reader.read(open(schemas[kind] ?? {}, required[kind]), own) ?? {}) as Record<string, unknown>;
  const problems: FieldProblem[] = [...reader.problems];
  if (kind !== 'Secret') return { fields: read, problems };
  const { stringData, data, ...rest } = read as { stringData?: Record<string, string>; data?: Record<string, string> };
  for (const [key, value] of Object.entries(data ?? {})) if (!isBase64(value)) problems.push(notBase64(['data', key]));
  const encoded = Object.entries(stringData ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return { fields: { ...rest, data: { ...data, ...Object.fromEntries(encoded) } }, problems };
}

function isBase64(value: string): boolean {
  const bare = value.replace(/[\r\n]/g, '');
  return bare.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(bare);
}

function notBase64(path: FieldPath): FieldProblem {
  return { severity: 'error', path, message: 'is not base64; put plain text in stringData instead' };
}
