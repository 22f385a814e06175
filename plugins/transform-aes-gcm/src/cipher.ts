/** What AES-256-GCM takes beside the data. A key and a nonce must never meet twice for encryption. */
export interface CipherInputs {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** 12 bytes. */
  readonly nonce: Uint8Array
  readonly associatedData: Uint8Array
}

/** Length of the authentication tag, in bytes: the longest that GCM has. */
export const tagBytes = 16

/** A way to AES-256-GCM (NIST SP 800-38D). Each reads what any other wrote. */
export interface Cipher {
  /** Encrypts all of `input` to the start of `output`, and puts the tag behind it. */
  readonly encrypt: (input: Uint8Array, output: Uint8Array, inputs: CipherInputs) => void
  /** Decrypts `input`, ciphertext and tag, to the start of `output`; `false` when the tag does not fit. */
  readonly decrypt: (input: Uint8Array, output: Uint8Array, inputs: CipherInputs) => boolean
  /** Frees its context, where it has one. */
  readonly [Symbol.dispose]?: () => void
}
