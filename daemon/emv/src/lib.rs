//! The card kernels: BER-TLV, selection, offline data authentication, contact EMV.
