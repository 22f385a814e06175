import { defineTransform, type TransformCapabilities, type TransformPlugin } from '@holdfast/core'
import type { Sabotage } from './sabotage.js'

const module = new URL('./flawed-codec.ts', import.meta.url).href

/** A deflate transform, intact unless `flaw` says otherwise. */
export function deflateTransform(flaw = 'none', differing: Partial<TransformCapabilities> = {}): TransformPlugin {
  return defineTransform({
    id: 'sabotaged-deflate',
    version: 1,
    module,
    parameters: { method: 'deflate', flaw },
    capabilities: { shrinks: true, ...differing },
  })
}

/** An AES-256-GCM transform, intact unless `flaw` says otherwise. */
export function gcmTransform(flaw = 'none', differing: Partial<TransformCapabilities> = {}): TransformPlugin {
  return defineTransform({
    id: 'sabotaged-gcm',
    version: 1,
    module,
    parameters: { method: 'gcm', flaw },
    passphrase: { env: 'HOLDFAST_SABOTAGE_PASSPHRASE' },
    capabilities: { keyed: true, authenticates: true, overheadBytes: 16, ...differing },
  })
}

/** Transforms that encode or decode badly. */
export const brokenTransforms: readonly Sabotage<'transform'>[] = [
  deflate('swaps the last two bytes', 'transform/round-trip', /byte \d+ is/),
  deflate('fails on empty frames', 'transform/round-trip', /nothing to encode/),
  deflate('returns more than fits', 'transform/overhead', /there was room for/),
  deflate('writes outside the output of encode', 'transform/overhead', /wrote outside its output/),
  deflate('fills the whole output', 'transform/larger-output', /returned the length 200000/),
  deflate('needs the frame before', 'transform/fresh-codec', /Frame missing|cannot be decoded/),
  deflate('fails in shared memory', 'transform/shared-memory', /Shared memory is not supported/),
  deflate('does not shrink', 'transform/shrinks', /became 26\d+ bytes/),
  deflate('accepts truncated frames', 'transform/hostile-input', /A frame cut to 0/),
  deflate('cuts what does not fit', 'transform/hostile-input', /into an output of 0 bytes/),
  deflate('writes outside the output of decode', 'transform/hostile-input', /wrote outside its output/),
  deflate('throws foreign errors', 'transform/hostile-input', /expected E_TRANSFORM or E_DAMAGED/),
  gcm('uses one nonce for all', 'transform/nonce-reuse', /keystream: the next sequence/),
  gcm('takes the low byte of the sequence for a nonce', 'transform/nonce-reuse', /a sequence 256 later/),
  gcm('takes 31 bits of the sequence for a nonce', 'transform/nonce-reuse', /a sequence 2\^31 later/),
  gcm('ignores the key', 'transform/nonce-reuse', /another key/),
  gcm('ignores the key', 'transform/wrong-context', /decodes under another key/),
  gcm('uses one nonce for all', 'transform/wrong-context', /decodes under another sequence/),
  gcm('ignores associated data', 'transform/wrong-context', /decodes under another pack/),
  gcm('does not check the tag', 'transform/tamper', /bit 0 of byte 0 flipped decodes/),
  gcm('leaves small frames as they are', 'transform/keyed-always', /left a frame as it is/),
  gcm('stores frames in clear', 'transform/keyed-always', /holds plain bytes/),
  gcm('changes its input', 'transform/input-untouched', /The input of encode afterwards/),
  {
    flaw: 'adds more than it declares',
    caughtBy: 'transform/overhead',
    because: /returned the length 16; there was room for 15/,
    environment: () => ({ create: () => gcmTransform('none', { overheadBytes: 15 }) }),
  },
  {
    flaw: 'adds less than it declares to be exact',
    caughtBy: 'transform/exact-overhead',
    because: /became one of 16 bytes, declared are 20 more/,
    environment: () => ({ create: () => gcmTransform('none', { overheadBytes: 20, exactOverhead: true }) }),
  },
  {
    flaw: 'leaves frames as they are although its overhead is exact',
    caughtBy: 'transform/exact-overhead',
    because: /became one of no bytes/,
    environment: () => ({ create: () => deflateTransform('none', { exactOverhead: true }) }),
  },
  {
    flaw: 'keeps its passphrase in the parameters',
    caughtBy: 'transform/parameters',
    because: /looks like a secret/,
    environment: () => ({
      create: () =>
        Object.freeze({ ...gcmTransform(), parameters: { method: 'gcm', flaw: 'none', passphrase: 'hunter2' } }),
    }),
  },
  {
    flaw: 'has parameters that JSON loses',
    caughtBy: 'transform/parameters',
    because: /no string, finite number or boolean/,
    environment: () => ({
      create: () =>
        Object.freeze({ ...gcmTransform(), parameters: { method: 'gcm', flaw: 'none', level: Number.NaN } }),
    }),
  },
  {
    flaw: 'names a module without a codec',
    caughtBy: 'transform/round-trip',
    because: /exports no createCodec/,
    environment: () => ({
      create: () => Object.freeze({ ...gcmTransform(), module: new URL('./sabotage.ts', import.meta.url).href }),
    }),
  },
]

function deflate(flaw: string, caughtBy: string, because: RegExp): Sabotage<'transform'> {
  return { flaw, caughtBy, because, environment: () => ({ create: () => deflateTransform(flaw) }) }
}

function gcm(flaw: string, caughtBy: string, because: RegExp): Sabotage<'transform'> {
  return { flaw, caughtBy, because, environment: () => ({ create: () => gcmTransform(flaw) }) }
}
