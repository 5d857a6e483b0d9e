/** A reflector under observation, for tests. Not for anything else. */
import type { TestContext } from 'node:test';
import type { KubeClient } from './client.ts';
import { systemClock, type Clock } from './clock.ts';
import type { FakeObject } from './fake-api-server.test-support.ts';
import type { Change } from './object-store.ts';
import { Reflector, type ReflectorOptions, type ReflectorState } from './reflector.ts';

export const routes = '/apis/gateway.networking.k8s.io/v1/httproutes';
export const routesPath = { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'httproutes' };

export function route(name: string, value = ''): FakeObject {
  return { metadata: { name, namespace: 'default' }, spec: { value } };
}

/** Waits a fiftieth of what it is asked to, and remembers what that was. */
export function hastyClock(): Clock & { readonly pauses: number[] } {
  const pauses: number[] = [];
  return {
    ...systemClock,
    pauses,
    pause(ms, signal) {
      pauses.push(ms);
      return systemClock.pause(ms / 50, signal);
    },
  };
}

export interface Observed {
  readonly reflector: Reflector<FakeObject>;
  /** `Added a`, in order. */
  readonly changes: string[];
  readonly states: ReflectorState[];
  readonly faults: unknown[];
  readonly pauses: readonly number[];
  /** Values by name. */
  values(): Record<string, string>;
  /** Waits for changes and states; a test that waits too long fails. */
  until(condition: () => boolean): Promise<void>;
}

export function observe(
  t: TestContext,
  client: KubeClient,
  options: Partial<ReflectorOptions<FakeObject>> = {},
): Observed {
  const changes: string[] = [];
  const states: ReflectorState[] = [];
  const faults: unknown[] = [];
  let wake = (): void => {};
  const clock = hastyClock();
  const reflector = new Reflector<FakeObject>({
    client,
    paths: [routesPath],
    transform: (object) => object as unknown as FakeObject,
    onFault: (fault) => faults.push(fault),
    clock,
    ...options,
    onChanges(batch: readonly Change<FakeObject>[]) {
      changes.push(...batch.map(({ type, name }) => `${type} ${name.replace('default/', '')}`));
      wake();
      options.onChanges?.(batch);
    },
    onState(state) {
      states.push(state);
      wake();
    },
  });
  t.after(() => reflector.close());
  reflector.start();
  return {
    reflector,
    changes,
    states,
    faults,
    pauses: clock.pauses,
    values: () =>
      Object.fromEntries(
        [...reflector.store.values()].map(({ metadata, spec }) => [metadata.name, (spec as { value: string }).value]),
      ),
    async until(condition) {
      const limit = AbortSignal.timeout(60_000);
      while (!condition()) {
        if (limit.aborted)
          throw new Error(`waited in vain; ${changes.join(', ')}; ${states.map(({ type }) => type).join()}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
          limit.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    },
  };
}
