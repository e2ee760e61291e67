// In place of an optional native accelerator: its packages for other systems are not in every registry mirror.
module.exports = null;
