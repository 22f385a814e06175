import type { PluginBase } from './plugin.js'
import type { SecretReference } from './secret.js'

/** What a transform does to frames; constant for the life of the plugin object. */
export interface TransformCapabilities {
  /** Makes typical data smaller, so it belongs before any keyed transform. @defaultValue `false` */
  readonly shrinks: boolean
  /** Needs a key: the repository gives each pack its own and stores everything else encrypted too. @defaultValue `false` */
  readonly keyed: boolean
  /** `decode` rejects every altered byte, so decoded data needs no second hash. @defaultValue `false` */
  readonly authenticates: boolean
  /** Most bytes that `encode` may add to a frame. @defaultValue `0` */
  readonly overheadBytes: number
  /**
   * `encode` adds exactly `overheadBytes` to every frame, as ciphers do. The last codec of a chain then writes into the
   * pack itself, which saves a copy. @defaultValue `false`
   */
  readonly exactOverhead: boolean
}

/**
 * A codec for frames: compress, encrypt, or a vendor's own. Made by a factory named `<id>Transform`.
 *
 * A frame is a run of new chunks, at most 4 MiB. Frames are coded in worker threads, so the plugin object only names the
 * module that holds the codec. Id, version and parameters are stored with the data: restoring needs no config.
 */
export interface TransformPlugin<C extends TransformCapabilities = TransformCapabilities>
  extends PluginBase<'transform'> {
  readonly capabilities: C
  /** Version of the encoded form; a codec decodes its own and all earlier ones. */
  readonly version: number
  /** URL of a module with a {@link CodecModule}: `new URL('./codec.js', import.meta.url).href`. */
  readonly module: string
  /** What the codec needs to decode, as JSON; stored in clear with the data, so never a secret. */
  readonly parameters: CodecParameters
  /** Where the passphrase of the repository is. Present exactly when `capabilities.keyed`. */
  readonly passphrase?: SecretReference
}

/** JSON values only. */
export type CodecParameters = Readonly<Record<string, string | number | boolean>>

/** What a transform's module exports. */
export interface CodecModule {
  /** Makes a codec; called once a worker and set of parameters. */
  readonly createCodec: (parameters: CodecParameters, version: number) => TransformCodec
}

/**
 * Encodes and decodes frames, one at a time.
 *
 * Called: from one thread, never concurrently. `input` and `output` never overlap and may be shared memory; both belong
 * to the caller again on return.
 */
export interface TransformCodec {
  /**
   * Writes the encoded frame into `output` and returns its length in bytes, or `undefined` to leave the frame as it is.
   *
   * `output` has room for `input` and `capabilities.overheadBytes`. Returning `undefined` is for frames that would not
   * shrink; a keyed codec never does. Checked by: `transform/round-trip`, `transform/overhead`, `transform/exact-overhead`, `transform/keyed-always`.
   */
  readonly encode: (input: Uint8Array, output: Uint8Array, context: FrameContext) => number | undefined
  /**
   * Writes the decoded frame into `output` and returns its length in bytes; the inverse of `encode`.
   *
   * Guarantee: hostile input throws, or without `authenticates` at least never passes for the frame; it never writes outside `output`, hangs or grows memory past it. What `output`
   * holds after a throw is undefined.
   * Checked by: `transform/hostile-input`, `transform/tamper`, `transform/wrong-context`.
   * @throws BackupError `E_DAMAGED` for input that does not decode or authenticate; `E_TRANSFORM` for anything else
   */
  readonly decode: (input: Uint8Array, output: Uint8Array, context: FrameContext) => number
  /** Frees what no garbage collector does, such as contexts of native libraries. Called once, after the last frame. */
  readonly [Symbol.dispose]?: () => void
}

/** What a codec knows of the frame. */
export interface FrameContext {
  /** Unique in its pack; with `key`, unique for ever, so it may serve as a nonce. Below 2^32. */
  readonly sequence: number
  /** Name of the pack and place of the frame in the chain: authenticate it, so that no frame can stand in for another. */
  readonly associatedData: Uint8Array
  /** 32 bytes, one key a pack and transform; present exactly for keyed transforms. */
  readonly key?: Uint8Array
}
