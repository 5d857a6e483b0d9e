/** What every object has: `metadata`, read and checked as an API server does it. */
import type { FieldPath, FieldProblem } from './field-path.ts';
import type { KindDefinition } from './kinds.ts';
import type { ObjectMeta, OwnerReference } from './resources.ts';
import { describe } from './schema/limits.ts';

const nameLabel = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const dnsLabel = new RegExp(`^${nameLabel}$`);
const dnsSubdomain = new RegExp(`^${nameLabel}(?:\\.${nameLabel})*$`);
const labelKey = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

export interface MetadataReading {
  /** Undefined where the object has no usable name. */
  readonly metadata: ObjectMeta | undefined;
  readonly problems: readonly FieldProblem[];
}

/** `defaultNamespace`: where a namespaced object lives that names none. */
export function readMetadata(value: unknown, definition: KindDefinition, defaultNamespace: string): MetadataReading {
  const problems: FieldProblem[] = [];
  const add = (path: FieldPath, message: string, severity: FieldProblem['severity'] = 'error') =>
    problems.push({ severity, path: ['metadata', ...path], message });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    add([], value === undefined ? 'is required' : `must be an object, is ${describe(value)}`);
    return { metadata: undefined, problems };
  }
  const raw = value as Record<string, unknown>;
  const name = readName(raw.name, raw.generateName, add);
  const namespace = readNamespace(raw.namespace, definition, { defaultNamespace, add });
  const labels = readTexts('labels', raw.labels, add);
  const annotations = readTexts('annotations', raw.annotations, add);
  for (const [key, text] of Object.entries(labels ?? {})) {
    if (!labelKey.test(key)) add(['labels', key], 'is not a valid label name');
    else if (!labelValue.test(text)) add(['labels', key], `is not a valid label value: ${describe(text)}`);
  }
  if (name === undefined || namespace === undefined) return { metadata: undefined, problems };
  return {
    metadata: { ...serverFields(raw), name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) },
    problems,
  };
}

type Add = (path: FieldPath, message: string, severity?: FieldProblem['severity']) => void;

function readName(name: unknown, generateName: unknown, add: Add): string | undefined {
  if (name === undefined || name === null || name === '') {
    add(['name'], generateName === undefined ? 'is required' : 'is required: generateName needs a cluster');
    return undefined;
  }
  if (typeof name !== 'string') {
    add(['name'], `must be a string, is ${describe(name)}: put it in quotes`);
    return undefined;
  }
  if (name.length > 253 || !dnsSubdomain.test(name)) {
    add(['name'], `must be lower case letters, digits, "-" and ".", is ${describe(name)}`);
    return undefined;
  }
  return name;
}

function readNamespace(
  namespace: unknown,
  definition: KindDefinition,
  { defaultNamespace, add }: { defaultNamespace: string; add: Add },
): string | undefined {
  if (definition.scope === 'Cluster') {
    if (namespace !== undefined && namespace !== null)
      add(['namespace'], `ignored: a ${definition.kind} belongs to no namespace`, 'warning');
    return '';
  }
  if (namespace === undefined || namespace === null || namespace === '') return defaultNamespace;
  if (typeof namespace !== 'string' || namespace.length > 63 || !dnsLabel.test(namespace)) {
    add(['namespace'], `must be lower case letters, digits and "-", is ${describe(namespace)}`);
    return undefined;
  }
  return namespace;
}

function readTexts(field: string, value: unknown, add: Add): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) {
    add([field], `must be an object, is ${describe(value)}`);
    return undefined;
  }
  const texts: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === 'string') texts[key] = text;
    else if (text === null) texts[key] = '';
    else add([field, key], `must be a string, is ${describe(text)}: put it in quotes`);
  }
  return texts;
}

/** What only a server sets; an exported manifest may carry it, and its time decides who is older. */
function serverFields(raw: Record<string, unknown>): Partial<ObjectMeta> {
  const { uid, creationTimestamp, generation } = raw;
  const ownerReferences = gatewayOwners(raw.ownerReferences);
  return {
    ...(ownerReferences.length > 0 && { ownerReferences }),
    ...(typeof uid === 'string' && { uid }),
    ...(typeof creationTimestamp === 'string' && { creationTimestamp }),
    ...(typeof generation === 'number' && { generation }),
  };
}

/** The owners of an object that are Gateways. */
export function gatewayOwners(value: unknown): readonly OwnerReference[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly Partial<OwnerReference>[]).flatMap(({ kind, name = '', uid = '' }) =>
    kind === 'Gateway' ? [{ kind, name, uid }] : [],
  );
}
