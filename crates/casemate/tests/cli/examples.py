"""What the example programs are compared with: scikit-learn, and a runtime that is not Casemate's.

examples.py fit CSV                   prints the model and the quality that scikit-learn finds on the same split, as JSON
examples.py run PROGRAM FOLDER...     runs PROGRAM in each FOLDER: in/ is its /in, out/ its /out, each line of the file
                                      `arguments` one argument; prints for each what it ended with and said, as JSON
"""

import csv
import json
import sys

EVERY = 3


def main() -> None:
    what, *arguments = sys.argv[1:]
    print(json.dumps({"fit": fit, "run": run}[what](*arguments)))


def fit(path: str) -> dict:
    import numpy
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with open(path, newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    table = numpy.array(sorted([float(cell) for cell in line] for line in lines))
    label = header.index("diagnosis")
    features = [place for place in range(1, len(header)) if place != label]
    held_back = numpy.arange(len(table)) % EVERY == EVERY - 1
    x, y = table[:, features], table[:, label]

    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, tol=1e-10, max_iter=100_000))
    model.fit(x[~held_back], y[~held_back])
    regression, test, truth = model[-1], x[held_back], y[held_back]
    return {
        "coefficients": {
            "(intercept)": regression.intercept_[0],
            **{header[place]: value for place, value in zip(features, regression.coef_[0])},
        },
        "auc": roc_auc_score(truth, model.decision_function(test)),
        "accuracy": accuracy_score(truth, model.predict(test)),
        "log_loss": log_loss(truth, model.predict_proba(test)),
    }


def run(program: str, *folders: str) -> list[dict]:
    from wasmtime import Engine, Module

    with open(program, "rb") as file:
        is_module = file.read(8)[4:] == b"\1\0\0\0"
    engine = Engine()
    if is_module:
        module = Module.from_file(engine, program)
        return [run_in(folder, lambda store: run_module(engine, module, store), engine) for folder in folders]
    from wasmtime.component import Component

    component = Component.from_file(engine, program)
    return [run_in(folder, lambda store: run_component(engine, component, store), engine) for folder in folders]


def run_in(folder: str, start, engine) -> dict:
    from wasmtime import Store, WasiConfig

    with open(f"{folder}/arguments", encoding="utf-8") as file:
        arguments = file.read().splitlines()
    wasi = WasiConfig()
    wasi.argv = ["train", *arguments]
    wasi.preopen_dir(f"{folder}/in", "/in")
    wasi.preopen_dir(f"{folder}/out", "/out")
    wasi.stderr_file = f"{folder}/said"
    store = Store(engine)
    store.set_wasi(wasi)
    code = start(store)
    with open(f"{folder}/said", encoding="utf-8") as file:
        return {"code": code, "said": file.read()}


def run_module(engine, module, store) -> int:
    from wasmtime import ExitTrap, Linker

    linker = Linker(engine)
    linker.define_wasi()
    try:
        linker.instantiate(store, module).exports(store)["_start"](store)
    except ExitTrap as end:
        return end.code
    return 0


def run_component(engine, component, store) -> int:
    from wasmtime.component import Linker

    linker = Linker(engine)
    linker.add_wasip2()
    instance = linker.instantiate(store, component)
    interface = instance.get_export_index(store, "wasi:cli/run@0.2.0")
    result = instance.get_func(store, instance.get_export_index(store, "run", interface))(store)
    return 0 if result.tag == "ok" else 1


if __name__ == "__main__":
    main()
