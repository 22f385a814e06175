import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { byteSource } from '../src/files/byte-source.js'
import { openRegularFile, readStart } from '../src/files/regular-file.js'

let temp: TempFolder
const at = (name: string) => temp.at(name)

beforeEach(() => {
  temp = tempFolder()
  mkdirSync(at('inside'))
  writeFileSync(at('inside/file'), 'content')
  writeFileSync(at('outside'), 'secret')
  symlinkSync(at('outside'), at('inside/out'))
  symlinkSync('file', at('inside/in'))
  symlinkSync('loop', at('inside/loop'))
  execFileSync('mkfifo', [at('inside/fifo')])
})
afterEach(() => temp[Symbol.dispose]())

describe('opening a regular file', () => {
  it('gives its handle and its path after all links', async () => {
    const opened = await openRegularFile(at('inside/in'), [at('inside')])
    if (opened.kind !== 'open') throw new Error(opened.reason)
    expect(opened.realPath).toBe(at('inside/file'))
    expect([...(await readStart(opened.handle, 4))]).toEqual([...Buffer.from('cont')])
    expect((await readStart(opened.handle, 100)).byteLength).toBe(7)
    await opened.handle.close()
  })

  it.each([
    ['missing', 'missing', 'there is no such file'],
    ['below a file', 'file/x', 'a part of its path is not a folder'],
    ['a loop of links', 'loop', 'its symbolic links lead in a circle'],
    ['a folder', '../inside', 'it is a folder, not a regular file'],
    ['a FIFO, without waiting for its writer', 'fifo', 'it is a FIFO, not a regular file'],
  ])('says why not: %s', async (_what, name, reason) => {
    expect(await openRegularFile(at(`inside/${name}`))).toMatchObject({ reason })
  })

  it('tells what leads out of the folders from what is not there', async () => {
    expect(await openRegularFile(at('inside/out'), [at('inside'), at('gone')])).toMatchObject({ kind: 'outside' })
    expect(await openRegularFile(at('inside/x'), [at('inside')])).toMatchObject({ kind: 'missing' })
    const reached = await openRegularFile(at('inside/out'), [at('inside'), temp.path])
    expect(reached.kind).toBe('open')
    if (reached.kind === 'open') await reached.handle.close()
  })
})

describe('the bytes of a file', () => {
  it('are read whole however few come at once, and never past a cut', async () => {
    const content = Buffer.from('some bytes of a file')
    const read = async (into: Uint8Array, start: number, length: number, offset: number) =>
      content.copy(into, start, offset, offset + Math.min(length, 3))
    const source = byteSource({ sizeBytes: 30, read, fd: () => 0 }, undefined)
    const into = new Uint8Array(10)
    await source.read(5, into)
    expect(Buffer.from(into).toString()).toBe('bytes of a')
    await expect(source.read(15, into)).rejects.toThrow(new RangeError('it ends at 20 bytes, before its size of 30'))
  })
})
