/** The oracle the engines are held to is the one `clickrate verify` carries. */
export * from '../../src/verify/oracle.ts';
