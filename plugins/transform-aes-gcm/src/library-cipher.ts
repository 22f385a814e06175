import { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import { BackupError } from '@holdfast/core'
import type { LibraryHandle } from 'koffi'
import { type Cipher, type CipherInputs, tagBytes } from './cipher.js'
import { openCryptoCipher } from './crypto-cipher.js'

type Koffi = typeof import('koffi')

/** The functions of EVP_EncryptInit(3) and ERR_clear_error(3) that are used: stable since OpenSSL 1.1.0. */
interface Functions {
  readonly createContext: () => unknown
  readonly resetContext: (context: unknown) => number
  readonly freeContext: (context: unknown) => void
  readonly aes256Gcm: () => unknown
  readonly init: (
    context: unknown,
    cipher: unknown,
    engine: null,
    key: Uint8Array,
    nonce: Uint8Array,
    encrypt: 0 | 1,
  ) => number
  readonly update: (
    context: unknown,
    output: Uint8Array | null,
    outputBytes: Int32Array,
    input: Uint8Array,
    inputBytes: number,
  ) => number
  readonly final: (context: unknown, output: Uint8Array, outputBytes: Int32Array) => number
  readonly control: (context: unknown, command: number, tagBytes: number, tag: Uint8Array) => number
  readonly clearErrors: () => void
}

const getTag = 0x10
const setTag = 0x11

/**
 * Calls the OpenSSL inside Node itself, through koffi: it writes to its destination at once, which `node:crypto` cannot.
 *
 * Returns `undefined` where koffi is not installed, this Node does not export OpenSSL, or it answers otherwise than
 * `node:crypto`.
 */
export function openLibraryCipher(): Cipher | undefined {
  const openssl = findLibrary()
  if (openssl === undefined) return undefined
  const cipher = libraryCipher(openssl)
  if (agrees(cipher, openCryptoCipher())) return cipher
  cipher[Symbol.dispose]?.()
  return undefined
}

function libraryCipher(openssl: Functions): Cipher {
  const context = openssl.createContext()
  if (context === null) throw refused('has no memory for a context')
  const written = new Int32Array(1)
  const nothing = new Uint8Array(tagBytes)

  const start = ({ key, nonce, associatedData }: CipherInputs, encrypt: 0 | 1) => {
    checked(openssl.init(context, openssl.aes256Gcm(), null, key, nonce, encrypt), 'take the key')
    pass(null, associatedData)
  }
  const pass = (output: Uint8Array | null, input: Uint8Array) => {
    if (input.length === 0) return
    checked(openssl.update(context, output, written, input, input.length), 'take the data')
    if (written[0] !== input.length) throw refused(`took ${written[0]} of ${input.length} bytes`)
  }

  return {
    encrypt: (input, output, inputs) => {
      if (output.length < input.length + tagBytes) throw refused('would write past the end of the output')
      try {
        start(inputs, 1)
        pass(output, input)
        checked(openssl.final(context, nothing, written), 'end a frame')
        checked(openssl.control(context, getTag, tagBytes, output.subarray(input.length)), 'give the tag')
      } finally {
        // Wipes the key.
        openssl.resetContext(context)
      }
    },
    decrypt: (input, output, inputs) => {
      if (output.length < input.length - tagBytes) throw refused('would write past the end of the output')
      try {
        start(inputs, 0)
        pass(output, input.subarray(0, -tagBytes))
        checked(openssl.control(context, setTag, tagBytes, input.subarray(-tagBytes)), 'take the tag')
        const fits = openssl.final(context, nothing, written) === 1
        // What is left there would be told as the reason when something else of Node's fails.
        if (!fits) openssl.clearErrors()
        return fits
      } finally {
        openssl.resetContext(context)
      }
    },
    [Symbol.dispose]: () => openssl.freeContext(context),
  }
}

function findLibrary(): Functions | undefined {
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi')
    return bind(koffi.load(null))
  } catch {
    // Koffi is optional, has no binary for some platforms, and finds no symbols in some builds of Node. Whatever the
    // reason, node:crypto makes and reads the same frames, only slower.
    return undefined
  }
}

function bind(library: LibraryHandle): Functions {
  return {
    createContext: library.func('void *EVP_CIPHER_CTX_new(void)'),
    resetContext: library.func('int EVP_CIPHER_CTX_reset(void *context)'),
    freeContext: library.func('void EVP_CIPHER_CTX_free(void *context)'),
    aes256Gcm: library.func('void *EVP_aes_256_gcm(void)'),
    init: library.func(
      'int EVP_CipherInit_ex(void *context, void *cipher, void *engine, void *key, void *nonce, int encrypt)',
    ),
    update: library.func(
      'int EVP_CipherUpdate(void *context, void *output, void *outputBytes, void *input, int inputBytes)',
    ),
    final: library.func('int EVP_CipherFinal_ex(void *context, void *output, void *outputBytes)'),
    control: library.func('int EVP_CIPHER_CTX_ctrl(void *context, int command, int tagBytes, void *tag)'),
    clearErrors: library.func('void ERR_clear_error(void)'),
  }
}

/** Tries a frame both ways: a library that only looks like OpenSSL must never touch data. */
function agrees(cipher: Cipher, reference: Cipher): boolean {
  const inputs = { key: Buffer.alloc(32, 1), nonce: Buffer.alloc(12, 2), associatedData: Buffer.alloc(26, 3) }
  const plain = Buffer.alloc(1000, 4)
  const [ours, theirs] = [cipher, reference].map((each) => {
    const output = Buffer.alloc(plain.length + tagBytes)
    each.encrypt(plain, output, inputs)
    return output
  })
  return ours !== undefined && theirs !== undefined && ours.equals(theirs)
}

function checked(outcome: number, what: string): void {
  if (outcome !== 1) throw refused(`does not ${what}`)
}

function refused(what: string): BackupError {
  return new BackupError('E_TRANSFORM', `OpenSSL ${what}.`, {
    plugin: 'aes-gcm',
    hint: 'Check the memory of the process. If that is not it, this is a defect of the plugin: report it.',
  })
}
