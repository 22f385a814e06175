import { constants, deflateRaw, zstdCompress } from 'node:zlib'
import type { Qcow2Compression } from './writer-options.js'

/** A cluster as it is stored. */
export interface EncodedCluster {
  readonly bytes: Uint8Array
  readonly isPacked: boolean
}

/** QEMU compresses and decompresses with a window of 4 KiB, which the spec does not say; a strict decoder refuses more. */
const deflateOptions = { windowBits: 12, memLevel: 9 } as const

/** What compressed data may be larger than what went in; one piece of memory then holds it. */
const worstGrowth = 1024

/** Least size of a zstd window and of its tables, as logarithms (zstd.h). */
const zstdLeast = { windowLog: 10, tableLog: 6 } as const

/** Makes the function that compresses clusters, in threads of libuv; it returns those that do not shrink as they are. */
export function compressor(
  compression: Qcow2Compression,
  clusterBits: number,
): (bytes: Uint8Array) => Promise<EncodedCluster> {
  const compress = compression.method === 'zlib' ? deflate(compression, clusterBits) : zstd(compression, clusterBits)
  return async (bytes) => {
    const packed = await compress(bytes)
    return packed.byteLength < bytes.byteLength ? { bytes: packed, isPacked: true } : { bytes, isPacked: false }
  }
}

type Compress = (bytes: Uint8Array) => Promise<Uint8Array>

function deflate({ level = constants.Z_DEFAULT_COMPRESSION }: Qcow2Compression, clusterBits: number): Compress {
  const options = { ...deflateOptions, level, chunkSize: 2 ** clusterBits + worstGrowth }
  return (bytes) => promised((done) => deflateRaw(bytes, options, done))
}

/** Tables for megabytes of data would take longer to make than a cluster takes to compress: they are cut to its size. */
function zstd({ level }: Qcow2Compression, clusterBits: number): Compress {
  const tableLog = Math.max(zstdLeast.tableLog, clusterBits - 1)
  const options = {
    chunkSize: 2 ** clusterBits + worstGrowth,
    params: {
      [constants.ZSTD_c_compressionLevel]: level ?? constants.ZSTD_CLEVEL_DEFAULT,
      [constants.ZSTD_c_windowLog]: Math.max(zstdLeast.windowLog, clusterBits),
      // Whoever names a level wants what it finds with tables of its own.
      ...(level === undefined && { [constants.ZSTD_c_hashLog]: tableLog, [constants.ZSTD_c_chainLog]: tableLog }),
    },
  }
  return (bytes) => promised((done) => zstdCompress(bytes, options, done))
}

function promised(start: (done: (error: Error | null, bytes: Uint8Array) => void) => void): Promise<Uint8Array> {
  return new Promise((resolve, reject) => start((error, bytes) => (error === null ? resolve(bytes) : reject(error))))
}
