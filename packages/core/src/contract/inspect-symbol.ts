/** The symbol `node:util` inspects with, spelled without importing Node. */
export const inspectSymbol: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never
