//! The slip (签购单) as data, and its renderings to ESC/POS and text.
