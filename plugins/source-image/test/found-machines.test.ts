import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MachineRef } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { domain, fileDisk, vmx } from './support/descriptions.js'
import { writeImage } from './support/images.js'
import { call, capture, machineRoot, openSource, refOf, tokens, warnings } from './support/machines.js'
import { pieces, sizeBytes } from './support/sample-images.js'

async function namesIn(path: string): Promise<readonly string[]> {
  return (await toArray((await openSource(path)).discover({}, call))).map(({ name }) => name).sort()
}

describe('where machines are found', () => {
  it('machine.json wins over descriptions, and descriptions over loose images', async () => {
    const root = machineRoot()
    for (const folder of ['a', 'b', 'c']) root.disk(`${folder}/disk.img`, 512)
    for (const folder of ['a', 'b']) root.file(`${folder}/x.vmx`, vmx(`${folder} by vmx`, {}))
    root.json('a', { name: 'a by json', disks: [] })
    expect(await namesIn(root.path)).toEqual(['a by json', 'b by vmx', 'c'])
  })

  it('files in the root describe machines too, as do several in one folder', async () => {
    const root = machineRoot()
    await writeImage(join(root.path, 'images', 'web.qcow2'), { format: 'qcow2', sizeBytes, pieces })
    root.file('web.xml', domain('web', [fileDisk('vda', 'images/web.qcow2', 'qcow2')]))
    root.file('db.VMX', vmx('db', {}))
    root.file('.hidden.vmx', vmx('hidden', {}))
    root.file('more/one.vmx', vmx('one', {}))
    root.file('more/two.vmx', vmx('two', {}))
    mkdirSync(join(root.path, 'more', 'three.vmx'))
    expect(await namesIn(root.path)).toEqual(['db', 'images', 'one', 'two', 'web'])
    expect((await capture(root.path, 'web')).disks).toHaveLength(1)
    expect((await capture(root.path, 'two')).machine.id).toBe('two')
  })

  it.each([
    ['a network with a domain', '<network><name>n</name><domain name="lan"/></network>'],
    ['a snapshot with its domain', '<?xml version="1.0"?><domainsnapshot><domain type="kvm"/></domainsnapshot>'],
    ['a comment', '<!-- <domain type="kvm"> -->'],
    ['a comment with angle brackets', '<!-- > <domain type="kvm"> --><other/>'],
    ['SOAP', '<s:Envelope xmlns:s="x"/>'],
    ['nothing', ''],
    ['no XML', 'domain'],
  ])('other XML is no machine, and hides none: %s', async (_what, text) => {
    const root = machineRoot()
    root.disk('web/disk.img', 512)
    root.file('web/other.xml', text)
    root.file('other.xml', text)
    expect(await namesIn(root.path)).toEqual(['web'])
    expect((await capture(root.path, 'web')).disks).toHaveLength(1)
  })

  it.each([
    ['with a byte order mark', '\uFEFF<domain><name>web</name></domain>', 'utf8'],
    ['in UTF-16', '\uFEFF<?xml version="1.0" encoding="UTF-16"?><domain><name>web</name></domain>', 'utf16le'],
    ['with a document type to skip', '<!-- x > y --><?pi > ?>\n <domain><name>web</name></domain>', 'utf8'],
  ] as const)('a domain is found %s', async (_what, text, encoding) => {
    const root = machineRoot()
    root.file('w/web.xml', Buffer.from(text, encoding))
    expect(await namesIn(root.path)).toEqual(['web'])
  })

  it.each([
    ['broken.vmx', 'no vmx at all'],
    ['broken.vmx', 'displayName = "a"\ndisplayName = "b"\n'],
    ['broken.ovf', '<Envelope'],
    ['broken.ova', 'no tar'],
    ['broken.xml', '<domain><name>web</name>'],
  ])('a broken description fails as that machine, and alone: %s', async (file, text) => {
    const root = machineRoot()
    root.file(`good.vmx`, vmx('good', {}))
    root.file(file, text)
    root.file(`folder/${file.replace('broken', 'inner')}`, text)
    root.disk('folder/disk.img', 512)
    const session = await openSource(root.path)
    const refs = await toArray(session.discover({}, call))
    expect(refs.map(({ name }) => name).sort()).toEqual(['broken', 'good', 'inner'])
    expect(warnings).toHaveLength(2)
    for (const name of ['broken', 'inner']) {
      const ref = refs.find((each) => each.name === name)!
      await expect(session.prepare(ref, { previous: tokens({}) }, call)).rejects.toMatchObject({
        code: 'E_SOURCE_INVALID',
        plugin: 'image',
        message: expect.stringContaining(file.replace('broken', name)),
        hint: expect.any(String),
      })
    }
  })

  it('a description that is too large fails without being read', async () => {
    const root = machineRoot()
    root.disk('w/big.vmx', 9 * 2 ** 20)
    const session = await openSource(root.path)
    await expect(session.prepare(await refOf(session, 'big'), { previous: tokens({}) }, call)).rejects.toThrow(
      /at most 8388608/,
    )
  })

  it('a description is read again when the capture is taken', async () => {
    const root = machineRoot()
    root.disk('w/a.img', 512)
    root.disk('w/b.img', 1024)
    root.file('w/web.xml', domain('web', [fileDisk('vda', 'a.img', 'raw')]))
    const session = await openSource(root.path)
    const prepared = await session.prepare(await refOf(session, 'web'), { previous: tokens({}) }, call)
    root.file('w/web.xml', domain('web', [fileDisk('vda', 'b.img', 'raw')]))
    await using taken = await prepared.take(call)
    expect(taken.disks[0]?.sizeBytes).toBe(1024)
    rmSync(join(root.path, 'w', 'web.xml'))
    const again = await session
      .prepare({ id: 'web', name: 'web' } as MachineRef, { previous: tokens({}) }, call)
      .catch((error: unknown) => error)
    expect(again).toMatchObject({ code: 'E_SOURCE_INVALID' })
  })

  it('two descriptions of one machine are named both', async () => {
    const root = machineRoot()
    root.file('w/one.vmx', vmx('same', {}))
    root.file('two.vmx', vmx('same', {}))
    const session = await openSource(root.path)
    await expect(session.prepare(await refOf(session, 'same'), { previous: tokens({}) }, call)).rejects.toThrow(
      /two\.vmx.*w\/one\.vmx|w\/one\.vmx.*two\.vmx/,
    )
  })

  it('links to descriptions are followed unless told not to', async () => {
    const root = machineRoot()
    const elsewhere = machineRoot()
    writeFileSync(join(elsewhere.path, 'web.vmx'), vmx('web', {}))
    mkdirSync(join(root.path, 'w'))
    symlinkSync(join(elsewhere.path, 'web.vmx'), join(root.path, 'w', 'linked.vmx'))
    symlinkSync(join(elsewhere.path, 'gone.vmx'), join(root.path, 'dangling.vmx'))
    expect(await namesIn(root.path)).toEqual(['dangling', 'web'])
    const session = await openSource(root.path, { followSymlinks: false })
    const names = (await toArray(session.discover({}, call))).map(({ name }) => name).sort()
    expect(names).toEqual(['dangling', 'linked'])
  })
})
