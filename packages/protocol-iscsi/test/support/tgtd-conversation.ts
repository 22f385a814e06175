import type { Step } from './conversation.js'

/** What both libraries of the conversation have. */
export const library = {
  drives: 2,
  slots: 6,
  importExportSlots: 1,
  cartridges: [
    { barcode: 'TAPE0001', sizeMib: 64 },
    { barcode: 'TAPE0002', sizeMib: 64 },
    { barcode: 'TAPE0003', sizeMib: 4 },
  ],
} as const

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value)
const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')
const drive = (note: string, cdb: string, more: Partial<Step> = {}): Step => ({ unit: 'drive', note, cdb, ...more })
const changer = (note: string, cdb: string, more: Partial<Step> = {}): Step => ({ unit: 'changer', note, cdb, ...more })

const write = (length: number, value: number) =>
  drive(`write ${length}`, `0a00${hex(length, 6)}00`, { dataOut: bytes(length, value) })
const read = (length: number) => drive(`read ${length}`, `0800${hex(length, 6)}00`, { dataInBytes: length })
const rewind = drive('rewind', '010000000000')
const filemarks = (count: number) => drive(`filemarks ${count}`, `1000${hex(count, 6)}00`)
const space = (code: number, count: number) =>
  drive(`space ${code} ${count}`, `11${hex(code, 2)}${hex(count & 0xff_ffff, 6)}00`)
const ready = (unit: Step['unit']): Step => ({ unit, note: 'ready', cdb: '000000000000' })
const move = (from: string, to: string) => changer(`move ${from} to ${to}`, `a500 0000 ${from} ${to} 0000 0000`)
const elements = (
  type: number,
  flags: { tags?: boolean; ids?: boolean; from?: string; count?: string; room?: number } = {},
) => {
  const { tags = true, ids = false, from = '0000', count = 'ffff', room = 4096 } = flags
  const cdb = `b8${hex((tags ? 0x10 : 0) | type, 2)}${from}${count}${ids ? '01' : '00'}${hex(room, 6)}0000`
  return changer(`elements of type ${type}`, cdb, { dataInBytes: room })
}
const modes = (unit: Step['unit'], page: string): readonly Step[] => [
  { unit, note: 'mode page', cdb: `1a00${page}00ff00`, dataInBytes: 255 },
  { unit, note: 'mode page without descriptor', cdb: `1a08${page}00ff00`, dataInBytes: 255 },
  { unit, note: 'mode page, long', cdb: `5a00${page}00000000010000`, dataInBytes: 256 },
]

const gettingToKnow: readonly Step[] = [
  drive('inquiry before anything', '12000000ff00', { dataInBytes: 255 }),
  drive('inquiry, short', '120000002400', { dataInBytes: 36 }),
  drive('no such page', '1201c000ff00', { dataInBytes: 255 }),
  changer('inquiry before anything', '12000000ff00', { dataInBytes: 255 }),
  drive('serial number', '12018000ff00', { dataInBytes: 255, comparesData: false }),
  ready('drive'),
  ready('drive'),
  ready('drive'),
  ready('changer'),
  ready('changer'),
  drive('sense on request', '030000001200', { dataInBytes: 18 }),
  ...['3f', '00', '01', '0f', '10', '1d', '11'].flatMap((page) => modes('drive', page)),
  ...['3f', '00', '1d', '1f', '0f'].flatMap((page) => modes('changer', page)),
  changer('element addresses, cut by the allocation', '1a081d000c00', { dataInBytes: 12 }),
]

const inventory: readonly Step[] = [
  ...[1, 2, 3, 4].flatMap((type) => [
    elements(type),
    elements(type, { tags: false }),
    elements(type, { ids: true }),
    elements(type, { tags: false, ids: true }),
  ]),
  elements(2, { from: '0401', count: '0002' }),
  elements(4, { from: '0101', count: '0001' }),
  elements(2, { room: 8 }),
  elements(2, { room: 100 }),
  elements(2, { from: '0500' }),
  elements(5),
]

const moves: readonly Step[] = [
  move('0405', '0100'),
  move('0400', '0401'),
  move('0900', '0401'),
  move('0400', '0900'),
  move('0400', '0403'),
  elements(2),
  move('0403', '0300'),
  elements(3),
  move('0300', '0404'),
  move('0404', '0100'),
  elements(4, { ids: true }),
  ready('drive'),
  drive('prevent', '1e0000000100'),
  move('0100', '0400'),
  drive('allow', '1e0000000000'),
]

const blocks: readonly Step[] = [
  drive('limits', '050000000000', { dataInBytes: 6 }),
  drive('position, short', '34000000000000000000', { dataInBytes: 20 }),
  drive('position, long', '34060000000000000000', { dataInBytes: 32 }),
  drive('position, extended', '34080000000000002000', { dataInBytes: 32 }),
  read(1000),
  ...[1, 2, 3].map((value) => write(1000, value)),
  filemarks(1),
  write(1000, 9),
  filemarks(2),
  read(1024),
  rewind,
  read(1000),
  // A longer buffer gets what is missing, a shorter one nothing.
  read(1500),
  read(500),
  read(1000),
  read(2500),
  read(1000),
  read(1000),
  read(1000),
  read(1000),
  rewind,
  drive('read, silent', '080200060000', { dataInBytes: 1536 }),
  drive('read, fixed and silent', '080300000200', { dataInBytes: 1024 }),
]

const spacing: readonly Step[] = [
  space(3, 0),
  space(0, 1),
  space(1, 1),
  space(0, -1),
  read(1000),
  space(3, 0),
  space(1, -1),
  read(1000),
  space(3, 0),
  space(1, -2),
  read(1000),
  space(3, 0),
  space(0, -99),
  read(1000),
  rewind,
  space(0, 5),
  read(1000),
  rewind,
  space(0, 3),
  read(1000),
  space(0, 1),
  read(1000),
  rewind,
  space(0, 6),
  rewind,
  space(0, 7),
  rewind,
  space(1, 1),
  read(1000),
  space(1, 5),
  space(1, -9),
  read(1000),
  space(2, 1),
  space(4, 1),
  space(0, 0),
  space(1, 0),
  rewind,
  space(1, -1),
  read(1000),
]

/** Writing in the middle ends the data there. */
const overwriting: readonly Step[] = [
  rewind,
  space(0, 2),
  write(700, 5),
  read(1000),
  rewind,
  space(0, 2),
  read(700),
  read(700),
  filemarks(0),
  rewind,
  read(1000),
  drive('write one byte', '0a0000000100', { dataOut: bytes(1, 8) }),
  rewind,
  space(3, 0),
  space(0, -1),
  read(1),
]

const fixed: readonly Step[] = [
  rewind,
  drive('read fixed without a length', '080100000100', { dataInBytes: 512, comparesData: false }),
  drive('mode select without the format bit', '150000000c00', {
    dataOut: Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0),
  }),
  drive('mode select with a page', '151000001c00', {
    dataOut: Uint8Array.of(0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 14, 0xc0, 0x80, ...bytes(12, 0)),
  }),
  drive('block length 512', '151000000c00', { dataOut: Uint8Array.of(0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 2, 0) }),
  drive('mode header', '1a0000000c00', { dataInBytes: 12 }),
  rewind,
  drive('write 4 fixed', '0a0100000400', { dataOut: bytes(2048, 6) }),
  filemarks(1),
  write(100, 3),
  rewind,
  drive('read 3 fixed', '080100000300', { dataInBytes: 1536 }),
  drive('read 1 fixed', '080100000100', { dataInBytes: 512 }),
  drive('read fixed at a filemark', '080100000200', { dataInBytes: 1024 }),
  drive('read fixed at another length', '080100000200', { dataInBytes: 1024, comparesData: false }),
  read(100),
  rewind,
  drive('block length 0', '151000000c00', { dataOut: Uint8Array.of(0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 0) }),
  drive('write fixed without a length', '0a0100000200', { dataOut: bytes(1024, 1) }),
]

const unknown: readonly Step[] = [
  ...['2b000000000000000000', '92000000000000000000000000000000', '4d002e00000000010000', '190000000000'],
  ...[
    '44000000000000400000',
    '8c000000000000000000000000ff0000',
    '160000000000',
    '170000000000',
    '5e000000000000002000',
  ],
  ...['0f0000000000', '91000000000000000000000000000000', '55100000000000000800', '130000000000'],
].map((cdb) => drive('not there', cdb))

const unknownToChanger: readonly Step[] = [
  ...['a60000000000000000000000', '2b000001000100000000', '4d002e00000000010000', '1e0000000100', '1b0000000000'],
  ...['160000000000', '5e000000000000002000', '080000000100', '010000000000'],
].map((cdb) => changer('not there', cdb))

const loading: readonly Step[] = [
  drive('unload by the standard', '1b0000000000'),
  ready('drive'),
  drive('unload as a disk', '1b0000000200'),
  ready('drive'),
  read(100),
  drive('load as a disk', '1b0000000300'),
  ready('drive'),
  drive('load by the standard', '1b0000000100'),
  changer('take inventory', '070000000000'),
  changer('take inventory of a range', '370000000000ffff0000'),
  move('0100', '0404'),
  ready('drive'),
  read(100),
  elements(2),
  elements(4, { ids: true }),
]

const small = (note: string, cdb: string, more: Partial<Step> = {}): Step => ({
  unit: 'smallDrive',
  note,
  cdb,
  ...more,
})
const fullTape: readonly Step[] = [
  move('0402', '0101'),
  ready('smallDrive'),
  ...Array.from({ length: 19 }, (_, index) =>
    small(`write ${index}`, '0a0004000000', { dataOut: bytes(262_144, index) }),
  ),
  small('filemark', '100000000100'),
  small('rewind', '010000000000'),
  small('over 18 blocks', '110000001200'),
  small('read behind the end', '080000100000', { dataInBytes: 4096 }),
]

/** Every command, every bug. */
export const tgtdConversation: readonly Step[] = [
  ...gettingToKnow,
  ...inventory,
  ...moves,
  ...blocks,
  ...spacing,
  ...overwriting,
  ...fixed,
  ...unknown,
  ...unknownToChanger,
  ...loading,
  ...fullTape,
]
