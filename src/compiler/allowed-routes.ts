/** Which routes a listener lets in: by kind and by namespace. */
import type { ResourceSet } from '../model/resources.ts';
import type { ResolvedListener } from './resolved.ts';
import { gatewayGroup, type LabelSelector, type Namespace } from './resource-types.ts';

interface Newcomer {
  readonly kind: string;
  readonly namespace: string;
  /** Labels of its namespace. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Null where the route may attach, else why not. `home` is the namespace of the listener. */
export function refuseNewcomer(listener: ResolvedListener, home: string, newcomer: Newcomer): string | null {
  if (!listener.kinds.some((kind) => kind.kind === newcomer.kind && (kind.group ?? gatewayGroup) === gatewayGroup)) {
    const kinds = listener.kinds.map((kind) => kind.kind).join(' and ');
    return kinds === ''
      ? `listener ${listener.spec.name} takes no route at all`
      : `listener ${listener.spec.name} takes ${kinds} only`;
  }
  const from = listener.spec.allowedRoutes?.namespaces?.from ?? 'Same';
  if (from === 'All') return null;
  if (from === 'Same') {
    if (newcomer.namespace === home) return null;
    return `listener ${listener.spec.name} takes routes of its own namespace ${home} only (allowedRoutes.namespaces.from: Same)`;
  }
  const selector = listener.spec.allowedRoutes?.namespaces?.selector;
  if (from === 'Selector' && selector && isSelected(selector, newcomer.labels)) return null;
  return `listener ${listener.spec.name} takes routes of namespaces that its allowedRoutes.namespaces selects; ${newcomer.namespace} is not one of them`;
}

/** The labels of a namespace. Each has the label of its name, as an API server adds it, also where no document describes it. */
export function labelsOf(resources: ResourceSet, namespace: string): Readonly<Record<string, string>> {
  const labels = resources.of<Namespace>('Namespace').get(namespace)?.metadata.labels;
  return { ...labels, 'kubernetes.io/metadata.name': namespace };
}

/** A label selector of Kubernetes; all its requirements must hold. */
export function isSelected(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  for (const [name, value] of Object.entries(selector.matchLabels ?? {})) if (labels[name] !== value) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    if (operator === 'In') return value !== undefined && values.includes(value);
    return operator === 'NotIn' && (value === undefined || !values.includes(value));
  });
}
