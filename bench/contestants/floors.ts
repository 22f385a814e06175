import { join } from 'node:path'
import type { Contestant } from './contestant.ts'
import { floor } from './floor.ts'

/** The floors for one image. `folder` is theirs to work in. */
export interface Floors {
  compress(): Contestant
  hash(): Contestant
  hashWithOpenssl(): Contestant
  copy(): Contestant
  decompress(): Contestant
  testCompressed(): Contestant
}

/** Makes the floors for an image: zstd at level 1 on two threads, SHA-256, a copy that keeps holes. */
export function floorsFor(image: string, folder: string): Floors {
  const compressed = join(folder, 'compressed.zst')
  const compressInto = (input: string, output: string) => ({
    program: 'zstd',
    args: ['-1', '-T2', '-q', '-f', input, '-o', output],
  })
  const fromImage = (output: string) => compressInto(image, output)
  return {
    compress: () => floor(folder, { label: 'zstd -1 -T2', input: image, command: compressInto, storesOutput: true }),
    hash: () =>
      floor(folder, {
        label: 'sha256sum',
        input: image,
        command: (input) => ({ program: 'sha256sum', args: [input] }),
      }),
    hashWithOpenssl: () =>
      floor(folder, {
        label: 'openssl sha256',
        input: image,
        command: (input) => ({ program: 'openssl', args: ['dgst', '-sha256', input] }),
      }),
    copy: () =>
      floor(folder, {
        label: 'cp',
        input: image,
        command: (input, output) => ({ program: 'cp', args: ['--sparse=always', input, output] }),
      }),
    decompress: () =>
      floor(folder, {
        label: 'zstd -d',
        input: compressed,
        from: fromImage,
        command: (input, output) => ({ program: 'zstd', args: ['-d', '-q', '-f', '--sparse', input, '-o', output] }),
      }),
    testCompressed: () =>
      floor(folder, {
        label: 'zstd -t',
        input: compressed,
        from: fromImage,
        command: (input) => ({ program: 'zstd', args: ['-t', '-q', input] }),
      }),
  }
}
