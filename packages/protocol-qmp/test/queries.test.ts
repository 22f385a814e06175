import { describe, expect, it } from 'vitest'
import {
  queryBlockDevices,
  queryBlockExports,
  queryBlockJobs,
  queryBlockNodes,
  queryJobs,
  queryObjectNames,
  queryStatus,
  queryVersion,
} from '../src/index.js'

const answering = (answer: unknown) => ({ execute: async () => answer })
const bitmap = { name: 'cp1', granularity: 65536, count: 131072, recording: true, busy: false, persistent: true }
const node = {
  'node-name': 'disk0',
  drv: 'qcow2',
  ro: false,
  file: '/vm/disk.qcow2',
  image: {
    'virtual-size': 2 ** 40,
    'actual-size': 4096,
    format: 'qcow2',
    'format-specific': { type: 'qcow2', data: { compat: '1.1' } },
  },
  'dirty-bitmaps': [bitmap, { ...bitmap, name: undefined }, { ...bitmap, name: 'old', inconsistent: true }],
  throttled: 'unknown fields do not matter',
}
const readNode = {
  nodeName: 'disk0',
  driver: 'qcow2',
  isReadOnly: false,
  filename: '/vm/disk.qcow2',
  sizeBytes: 2 ** 40,
  allocatedBytes: 4096,
  canKeepBitmaps: true,
  bitmaps: [
    {
      name: 'cp1',
      granularityBytes: 65536,
      dirtyBytes: 131072,
      isRecording: true,
      isBusy: false,
      isPersistent: true,
      isInconsistent: false,
    },
    expect.objectContaining({ name: 'old', isInconsistent: true }),
  ],
}
const blockJob = {
  device: 'b',
  type: 'backup',
  status: 'running',
  offset: 1,
  len: 2,
  speed: 0,
  ready: false,
  paused: true,
  'io-status': 'ok',
}
const job = { id: 'b', type: 'backup', status: 'concluded', 'current-progress': 1, 'total-progress': 2, error: 'why' }

describe('queries', () => {
  it('ask for nodes flat, and leave bitmaps without a name out', async () => {
    const asked: unknown[] = []
    const execute = async (...call: readonly unknown[]) => {
      asked.push(call.slice(0, 2))
      return [node]
    }
    expect(await queryBlockNodes({ execute })).toEqual([readNode])
    expect(asked).toEqual([['query-named-block-nodes', { flat: true }]])
  })

  it('tell which images can keep bitmaps', async () => {
    const compat = (data: unknown) => [{ ...node, image: { ...node.image, 'format-specific': data } }]
    const kept = async (answer: unknown) => (await queryBlockNodes(answering(answer)))[0]?.canKeepBitmaps
    expect(await kept(compat({ type: 'qcow2', data: { compat: '0.10' } }))).toBe(false)
    expect(await kept(compat(undefined))).toBe(false)
    expect(await kept([{ ...node, drv: 'raw' }])).toBe(false)
  })

  it('name the objects, without the properties beside them', async () => {
    const answer = [
      { name: 'type', type: 'string' },
      { name: 'limits0', type: 'child<throttle-group>' },
    ]
    expect(await queryObjectNames(answering(answer))).toEqual(['limits0'])
  })

  it('read what a backup needs', async () => {
    expect(
      await queryBlockDevices(
        answering([
          { device: '', qdev: 'vd0', removable: false, inserted: node },
          { device: 'cd', removable: true },
        ]),
      ),
    ).toEqual([
      { device: '', qdev: 'vd0', isRemovable: false, node: readNode },
      { device: 'cd', qdev: undefined, isRemovable: true, node: undefined },
    ])
    expect(await queryJobs(answering([job]))).toEqual([
      { id: 'b', type: 'backup', status: 'concluded', progress: 1, totalProgress: 2, error: 'why' },
    ])
    expect(await queryBlockJobs(answering([blockJob]))).toEqual([
      {
        id: 'b',
        type: 'backup',
        status: 'running',
        offsetBytes: 1,
        lengthBytes: 2,
        speedBytesPerSecond: 0,
        isReady: false,
        isPaused: true,
        ioStatus: 'ok',
      },
    ])
    expect(
      await queryBlockExports(answering([{ id: 'e', type: 'nbd', 'node-name': 'n', 'shutting-down': true }])),
    ).toEqual([{ id: 'e', type: 'nbd', nodeName: 'n', isShuttingDown: true }])
    expect(await queryStatus(answering({ running: true, status: 'running' }))).toEqual({
      isRunning: true,
      status: 'running',
    })
    expect(await queryVersion(answering({ qemu: { major: 8, minor: 0, micro: 1 }, package: 'p' }))).toEqual({
      major: 8,
      minor: 0,
      micro: 1,
      package: 'p',
    })
  })

  const cases: readonly [string, (answer: unknown) => Promise<unknown>, unknown][] = [
    ['nodes that are no list', (answer) => queryBlockNodes(answering(answer)), { 0: node }],
    ['a node that is a text', (answer) => queryBlockNodes(answering(answer)), ['disk0']],
    ['a node without an image', (answer) => queryBlockNodes(answering(answer)), [{ ...node, image: null }]],
    ['a negative size', (answer) => queryBlockNodes(answering(answer)), [{ ...node, image: { 'virtual-size': -1 } }]],
    [
      'a size that is not exact',
      (answer) => queryBlockNodes(answering(answer)),
      [{ ...node, image: { 'virtual-size': 2 ** 60 } }],
    ],
    [
      'a fraction of a byte',
      (answer) => queryBlockNodes(answering(answer)),
      [{ ...node, image: { 'virtual-size': 0.5 } }],
    ],
    ['bitmaps that are no list', (answer) => queryBlockNodes(answering(answer)), [{ ...node, 'dirty-bitmaps': 'no' }]],
    [
      'a bitmap that says nothing',
      (answer) => queryBlockNodes(answering(answer)),
      [{ ...node, 'dirty-bitmaps': [{ name: 'x' }] }],
    ],
    ['a device without a name', (answer) => queryBlockDevices(answering(answer)), [{ removable: false }]],
    ['a job whose error is no text', (answer) => queryJobs(answering(answer)), [{ ...job, error: {} }]],
    ['a job without a status', (answer) => queryJobs(answering(answer)), [{ ...job, status: undefined }]],
    ['a block job without a length', (answer) => queryBlockJobs(answering(answer)), [{ ...blockJob, len: '2' }]],
    [
      'an export without a node',
      (answer) => queryBlockExports(answering(answer)),
      [{ id: 'e', type: 'nbd', 'shutting-down': true }],
    ],
    ['a status of numbers', (answer) => queryStatus(answering(answer)), { running: 1, status: 'running' }],
    ['a version of texts', (answer) => queryVersion(answering(answer)), { qemu: { major: '8' }, package: '' }],
    ['nothing', (answer) => queryVersion(answering(answer)), null],
  ]
  it.each(cases)('refuse %s', async (_, query, answer) => {
    await expect(query(answer)).rejects.toMatchObject({ code: 'protocol' })
  })
})
