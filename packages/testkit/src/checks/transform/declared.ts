import { describeSecretReference } from '@holdfast/core'
import { expectEqual, expectThat } from '../expect.js'
import { encodeSamples } from './encode-samples.js'
import { textOf } from './frames.js'
import { encodeFrame, frameContext, loadCodec, type TransformCheck } from './transform-check.js'

/** What a transform declares is so. */
export const declaredChecks: readonly TransformCheck[] = [
  {
    id: 'transform/overhead',
    kind: 'transform',
    title: 'never needs more room than its declared overhead',
    run: async (env) => {
      for await (const _ of encodeSamples(env.create())) {
        // encodeFrame gives exactly the declared room and guards what lies around it.
      }
    },
  },
  {
    id: 'transform/exact-overhead',
    kind: 'transform',
    title: 'adds to every frame exactly what it declares',
    needs: ({ exactOverhead }) => exactOverhead,
    run: async (env) => {
      const plugin = env.create()
      const { overheadBytes } = plugin.capabilities
      for await (const { name, bytes, encoded } of encodeSamples(plugin)) {
        expectThat(
          encoded?.length === bytes.length + overheadBytes,
          `A frame of ${bytes.length} bytes became one of ${encoded?.length ?? 'no'} bytes, declared are ${overheadBytes} more: ${name}.`,
        )
      }
    },
  },
  {
    id: 'transform/keyed-always',
    kind: 'transform',
    title: 'encodes every frame, so that none is stored in clear',
    needs: ({ keyed }) => keyed,
    run: async (env) => {
      for await (const { name, bytes, encoded } of encodeSamples(env.create())) {
        expectThat(encoded !== undefined, `A keyed transform left a frame as it is: ${name}.`)
        const clear = bytes.length >= 32 && Buffer.from(encoded).includes(Buffer.from(bytes.subarray(0, 32)))
        expectThat(!clear, `The encoded frame holds plain bytes: ${name}.`)
      }
    },
  },
  {
    id: 'transform/shrinks',
    kind: 'transform',
    title: 'makes text smaller',
    needs: ({ shrinks }) => shrinks,
    run: async (env) => {
      const plugin = env.create()
      const encoded = encodeFrame(plugin, await loadCodec(plugin), textOf(262_144), frameContext(plugin))
      const size = encoded?.length ?? 262_144
      expectThat(size < 131_072, `256 KiB of repetitive text became ${size} bytes.`)
    },
  },
  {
    id: 'transform/parameters',
    kind: 'transform',
    title: 'has parameters that survive JSON and hold no secret',
    run: async (env) => {
      const plugin = env.create()
      const { parameters, passphrase, version } = plugin
      for (const [name, value] of Object.entries(parameters)) {
        const plain = ['string', 'boolean'].includes(typeof value) || Number.isFinite(value)
        expectThat(plain, `Parameter '${name}' is no string, finite number or boolean.`)
        expectThat(
          !/passphrase|password|secret|^key$/i.test(name),
          `Parameter '${name}' looks like a secret; parameters are stored in clear.`,
        )
      }
      if (passphrase !== undefined) {
        const { value } = await env.context.resolveSecret(passphrase, { signal: env.signal }).then(
          (secret) => ({ value: secret.reveal() }),
          () => ({ value: undefined }),
        )
        const leaked = value !== undefined && value !== '' && JSON.stringify(parameters).includes(value)
        expectThat(!leaked, `The parameters hold the passphrase of ${describeSecretReference(passphrase)}.`)
      }
      expectEqual(JSON.parse(JSON.stringify(parameters)), parameters, 'Parameters after JSON')
      expectEqual(env.create().parameters, parameters, 'Parameters of a second object')
      expectThat(Number.isInteger(version) && version >= 1, `Version ${version} is no positive integer.`)
    },
  },
]
