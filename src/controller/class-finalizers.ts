/**
 * Keeps a GatewayClass of ours from going while a Gateway uses it: by the finalizer that the Gateway API has for that. Knows
 * no other metadata, and never touches a class of somebody else.
 */
import type { Gateway, GatewayClass } from '../compiler/resource-types.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import { CalmWriter, type CalmWriterOptions, type PlannedWrite } from '../kube/calm-writer.ts';
import type { ResourceName, ResourceSet } from '../model/resources.ts';
import type { KubernetesSource } from '../sources/kubernetes.ts';

export interface ClassFinalizersOptions extends Pick<
  CalmWriterOptions,
  'client' | 'isLeader' | 'onError' | 'onContested'
> {
  readonly source: Pick<KubernetesSource, 'observe' | 'pathOf'>;
  readonly controllerName: string;
}

/** `GatewayClassFinalizerGatewaysExist` of the Gateway API. */
const finalizer = 'gateway-exists-finalizer.gateway.networking.k8s.io';

type Use = 'Used' | 'Unused';

interface ClassUse {
  readonly uid: string | undefined;
  readonly use: Use;
}

const kind = 'GatewayClass';

export class ClassFinalizers {
  readonly #options: ClassFinalizersOptions;
  readonly #writes: CalmWriter;
  #resources: ResourceSet | null = null;
  /** Ours only. */
  #classes: ReadonlyMap<ResourceName, ClassUse> = new Map();

  constructor(options: ClassFinalizersOptions) {
    this.#options = options;
    this.#writes = new CalmWriter({
      ...options,
      plan: (key) => this.#plan(key),
      wishFor: (key) => this.#classes.get(partsOf(key).name)?.use,
      isUrgent: () => true,
    });
  }

  /** Which classes and Gateways there are now. A kind that did not change is the same map. */
  take(resources: ResourceSet): void {
    const before = this.#resources;
    this.#resources = resources;
    if (before && [kind, 'Gateway'].every((one) => before.of(one) === resources.of(one))) return;
    this.#classes = usesOf(resources, this.#options.controllerName);
    this.rewrite();
  }

  /** The server has another version of the object. */
  observed(ofKind: string, name: ResourceName): void {
    if (ofKind !== kind) return;
    const key = keyOf(kind, '', name);
    if (!this.#options.source.observe(kind, name)) return this.#writes.drop(key);
    this.#writes.mark(key);
    this.#writes.work();
  }

  /** Everything is looked at again: we may have begun to lead. */
  rewrite(): void {
    for (const name of this.#classes.keys()) this.#writes.mark(keyOf(kind, '', name));
    this.#writes.work();
  }

  close(): void {
    this.#writes.close();
  }

  #plan(key: Key): PlannedWrite | null {
    const { name } = partsOf(key);
    const known = this.#classes.get(name);
    const observed = this.#options.source.observe(kind, name);
    const collection = this.#options.source.pathOf(kind);
    if (!known || !observed || !collection) return null;
    const { uid, resourceVersion, finalizers = [], isTerminating = false } = observed;
    // A namesake may belong to somebody else.
    if (uid !== known.uid) return null;
    const others = finalizers.filter((one) => one !== finalizer);
    const wanted = known.use === 'Used' ? [...others, finalizer] : others;
    if (wanted.length === finalizers.length) return null;
    // What is on its way out takes no new finalizers.
    if (known.use === 'Used' && isTerminating) return null;
    return { path: { ...collection, name }, patch: { metadata: { resourceVersion, finalizers: wanted } } };
  }
}

function usesOf(resources: ResourceSet, controllerName: string): ReadonlyMap<ResourceName, ClassUse> {
  const used = new Set([...resources.of<Gateway>('Gateway').values()].map(({ spec }) => spec.gatewayClassName));
  const ours = [...resources.of<GatewayClass>(kind)].filter(([, { spec }]) => spec.controllerName === controllerName);
  return new Map(
    ours.map(([name, { metadata }]) => [name, { uid: metadata.uid, use: used.has(name) ? 'Used' : 'Unused' }]),
  );
}
