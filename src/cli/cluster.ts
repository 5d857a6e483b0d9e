/** What a Headgate that follows a cluster has beside its proxies: the source, the statuses written back, and who may write them. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { defaultControllerName } from '../compiler/1-select-gateways.ts';
import { newestBundleVersion } from '../compiler/bundle-version.ts';
import { KubernetesServices } from '../infrastructure/kubernetes-services.ts';
import { ClassFinalizers } from '../controller/class-finalizers.ts';
import { AddressPool } from '../controller/address-pool.ts';
import type { AddressRange } from '../controller/address-range.ts';
import { StatusWriter } from '../controller/status-writer.ts';
import { Unlisted } from '../controller/unlisted.ts';
import type { ClusterAccess } from '../kube/access.ts';
import { createKubeClient, type KubeClient } from '../kube/client.ts';
import { LeaderElection } from '../kube/lease.ts';
import type { Log } from '../lib/log.ts';
import { keyOf, partsOf, type Key } from '../contract/keys.ts';
import { gatewayGroup, kinds } from '../model/kinds.ts';
import type { ResourceName } from '../model/resources.ts';
import { createKubernetesSource, type KubernetesSource } from '../sources/kubernetes.ts';
import type { ClusterParts } from './standalone.ts';

export interface ClusterOptions {
  readonly access: ClusterAccess;
  readonly addressPool: AddressRange;
  /** `Alone`: no other replica runs, so nobody need be asked. */
  readonly election: 'Lease' | 'Alone';
  /** Something other than the resources has changed that the compiler looks at. */
  onFacts(): void;
  readonly log: Log;
}

const leaseName = 'headgate-controller';

export class Cluster {
  readonly source: KubernetesSource;
  readonly parts: ClusterParts;
  readonly #options: ClusterOptions;
  readonly #failures = new Set<string>();
  /** Of Gateways while others lead. */
  readonly #seenAddresses = new Map<Key, string>();
  readonly #unlisted = new Unlisted();
  readonly #client: KubeClient;
  readonly #writer: StatusWriter;
  readonly #finalizers: ClassFinalizers;
  readonly #services: KubernetesServices;
  readonly #election: LeaderElection | null;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { access, addressPool, log } = options;
    this.#client = createKubeClient(access);
    this.source = createKubernetesSource({
      client: this.#client,
      cluster: access.server,
      onObserved: (kind, name) => this.#observe(kind, name),
      onFault: (error) =>
        log.error(`A bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
      onKindState: (kind, state) => this.#tellState(kind, state.type === 'Failing' ? state.error.message : ''),
    });
    this.#election = options.election === 'Lease' ? this.#createElection() : null;
    const tellContested = (what: string): void =>
      log.warn(
        `${what} is changed by somebody else each time it is written: another controller, or a Headgate that takes no part in the election. It is mended more and more seldom`,
      );
    this.#writer = new StatusWriter({
      client: this.#client,
      source: this.source,
      controllerName: defaultControllerName,
      isLeader: () => this.isLeader,
      date: () => new Date(),
      onError: (key, { message }) =>
        log.warn(`The status of ${key} could not be written; it is tried again: ${message}`),
      onContested: (key) => tellContested(`The status of ${key}`),
      onLeftOut: (key, parents) => this.#takeUnlisted(key, parents),
    });
    this.#finalizers = new ClassFinalizers({
      client: this.#client,
      source: this.source,
      controllerName: defaultControllerName,
      isLeader: () => this.isLeader,
      onError: (key, { message }) =>
        log.warn(`The finalizer of ${key} could not be written; it is tried again: ${message}`),
      onContested: (key) => tellContested(`The finalizer of ${key}`),
    });
    this.#services = new KubernetesServices({
      client: this.#client,
      isLeader: () => this.isLeader,
      onError: (object, { message }) => log.warn(`${object} could not be written; it is tried again: ${message}`),
      onContested: tellContested,
    });
    this.parts = {
      pool: new AddressPool({
        range: addressPool,
        previous: (key) => this.#addressesOf(key),
        decides: () => this.isLeader,
      }),
      facts: () => this.#facts(),
      onCompiled: ({ statuses, infrastructure }, resources) => {
        this.#services.take(infrastructure, resources);
        this.#writer.take(statuses, resources);
        this.#finalizers.take(resources);
      },
    };
  }

  get isLeader(): boolean {
    return this.#election?.isLeader ?? true;
  }

  start(): void {
    this.#election?.start();
  }

  /** Gives the lease up at once, so that another replica goes on writing while this one drains. */
  async close(): Promise<void> {
    this.#writer.close();
    this.#finalizers.close();
    this.#services.close();
    await this.#election?.close();
    await this.#client.close();
  }

  /** A server that is away fails for all kinds alike: each message once until it is back. */
  #tellState(kind: string, failure: string): void {
    if (failure === '') {
      this.#failures.clear();
      return;
    }
    if (this.#failures.has(failure)) return;
    this.#failures.add(failure);
    this.#options.log.warn(`${kind} cannot be followed; what is served stays, and it is tried again: ${failure}`);
  }

  #createElection(): LeaderElection {
    const { access, log } = this.#options;
    return new LeaderElection({
      client: this.#client,
      namespace: access.namespace,
      name: leaseName,
      // In the network of the node, the name of the host is not that of the pod.
      identity: `${process.env.POD_NAME ?? hostname()}-${randomBytes(4).toString('hex')}`,
      onLead: () => {
        log.info('This replica leads: it writes the statuses and what Gateways get beside their proxies.');
        this.#writer.rewrite();
        this.#finalizers.rewrite();
        this.#services.work();
        // Gateways may have waited for somebody who gives addresses.
        this.#options.onFacts();
      },
      onError: ({ message }) => log.warn(`The lease ${access.namespace}/${leaseName} could not be had: ${message}`),
    });
  }

  #observe(kind: string, name: ResourceName): void {
    this.#writer.observed(kind, name);
    this.#finalizers.observed(kind, name);
    if (kind !== 'Gateway' || this.isLeader) return;
    const key = keyOf(kind, ...(name.split('/') as [string, string]));
    const text = this.#addressesOf(key).join();
    if (text === (this.#seenAddresses.get(key) ?? '')) return;
    this.#seenAddresses.set(key, text);
    this.#options.onFacts();
  }

  #facts(): ReturnType<ClusterParts['facts']> {
    const annotations = this.source.annotationsOfDefinition('gatewayclasses.gateway.networking.k8s.io') ?? {};
    return {
      bundleVersion: annotations[`${gatewayGroup}/bundle-version`] ?? newestBundleVersion,
      channel: annotations[`${gatewayGroup}/channel`] === 'experimental' ? 'experimental' : 'standard',
      definitionVersions: this.#definitionVersions(),
      absentKinds: this.source.absentKinds,
      unlisted: this.#unlisted.objects,
    };
  }

  #takeUnlisted(key: Key, parents: readonly Key[]): void {
    if (!this.#unlisted.set(key, parents)) return;
    if (parents.length > 0)
      this.#options.log.warn(
        `The status of ${key} is full: it cannot name ${parents.join(', ')}, whose own status says so`,
      );
    this.#options.onFacts();
  }

  /** Of the Gateway API's kinds, as far as their definitions may be seen. */
  #definitionVersions(): ReadonlyMap<string, string> {
    const names = kinds.filter(({ group }) => group === gatewayGroup).map(({ plural }) => `${plural}.${gatewayGroup}`);
    return new Map(
      names.flatMap((name) => {
        const annotations = this.source.annotationsOfDefinition(name);
        return annotations ? [[name, annotations[`${gatewayGroup}/bundle-version`] ?? '']] : [];
      }),
    );
  }

  #addressesOf(key: Key): readonly string[] {
    const { kind, namespace, name } = partsOf(key);
    const status = this.source.observe(kind, `${namespace}/${name}`)?.status as
      | { readonly addresses?: readonly { readonly value: string }[] }
      | undefined;
    return (status?.addresses ?? []).map(({ value }) => value);
  }
}
