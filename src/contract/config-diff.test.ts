/** Derived configurations are what patching makes, without the copying; and their difference is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deriveConfig,
  diffConfig,
  emptyConfigInPlace,
  mergePatches,
  patchConfig,
  patchInPlace,
  type ConfigPatch,
} from './config-diff.ts';
import { emptyConfig, type GatewayConfig } from './gateway-config.ts';

const route = (name: string) => ({ origin: { kind: 'HTTPRoute', namespace: 'default', name } });

/** A patch that adds a route and takes another away. */
function patchAt(step: number): ConfigPatch {
  return { routes: { [`r${step}`]: route(`r${step}`), [`r${step - 3}`]: null } };
}

function plain(config: GatewayConfig): unknown {
  return structuredClone({ ...config });
}

test('a long row of derived configurations says what patching says, wherever one looks', () => {
  for (const every of [1, 7, 1000]) {
    let patched: GatewayConfig = emptyConfig;
    let derived: GatewayConfig = emptyConfig;
    for (let step = 0; step < 200; step++) {
      patched = patchConfig(patched, patchAt(step));
      derived = deriveConfig(derived, patchAt(step));
      if (step % every === 0) assert.deepEqual(plain(derived), plain(patched), `step ${step}`);
    }
    assert.deepEqual(plain(derived), plain(patched));
    assert.equal(derived.routes, derived.routes);
    assert.equal(derived.rules, emptyConfig.rules);
  }
});

test('the difference to what it was derived from is its patch; to others it is found by comparing', () => {
  const first = deriveConfig(emptyConfig, patchAt(1));
  const patch = patchAt(2);
  const second = deriveConfig(first, patch);
  assert.equal(diffConfig(first, second), patch);
  assert.equal(diffConfig(second, second), null);
  assert.deepEqual(diffConfig(emptyConfig, second), { routes: { r1: route('r1'), r2: route('r2') } });
  assert.deepEqual(diffConfig(second, emptyConfig), { routes: { r1: null, r2: null } });
});

test('patching in place, and one merged patch, say what patching says', () => {
  const inPlace = emptyConfigInPlace();
  let patched: GatewayConfig = emptyConfig;
  let merged: ConfigPatch = {};
  for (let step = 0; step < 20; step++) {
    const patch = patchAt(step);
    patched = patchConfig(patched, patch);
    patchInPlace(inPlace, patch);
    merged = mergePatches(merged, patch);
    assert.deepEqual(plain(inPlace), plain(patched));
    assert.deepEqual(plain(patchConfig(emptyConfig, merged)), plain(patched));
  }
  assert.deepEqual(plain(emptyConfig), plain(emptyConfigInPlace()));
});
