"""Runs a WASI command in wasmtime's host, by the package `wasmtime` of PyPI: wasmtime_host.py COMPONENT FOLDER ARGUMENT…

FOLDER is the root of the guest. The exit status is the command's.
"""

import sys

from wasmtime import Engine, ExitTrap, Store, WasiConfig
from wasmtime.component import Component, Linker


def run_of(instance, store):
    """The function `run`, in whichever version of the interface the component exports."""
    for patch in range(20):
        interface = instance.get_export_index(store, f"wasi:cli/run@0.2.{patch}")
        if interface is not None:
            return instance.get_func(store, instance.get_export_index(store, "run", interface))
    raise SystemExit("the component exports no wasi:cli/run of WASI 0.2")


def main(path, folder, *arguments):
    engine = Engine()
    store, linker = Store(engine), Linker(engine)
    wasi = WasiConfig()
    wasi.argv = ["suite", *arguments]
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    wasi.preopen_dir(folder, "/")
    store.set_wasi(wasi)
    linker.add_wasip2()
    run = run_of(linker.instantiate(store, Component.from_file(engine, path)), store)
    try:
        failed = run(store)
    except ExitTrap as ended:
        return ended.code
    return 0 if failed.tag == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
