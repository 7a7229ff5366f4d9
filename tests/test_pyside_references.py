"""PySide6 must not lose references: 6.12.0 on Python 3.11 lost one to True at each Signal.emit, one to None at model
resets, and aborted within hundreds of them. Run in a process of its own, so that an abort is a failure like others."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys
from PySide6.QtCore import QAbstractListModel, QCoreApplication, QObject, Qt, QModelIndex, Signal, Slot

class Sender(QObject):
    said = Signal(object); flagged = Signal(bool); counted = Signal(int, str, int, int); plain = Signal()

class Receiver(QObject):
    @Slot(object)
    def take(self, value): return None
    @Slot(bool)
    def flag(self, value): return True
    @Slot(int, str, int, int)
    def count(self, a, b, c, d): return False
    @Slot()
    def nothing(self): pass

class Rows(QAbstractListModel):
    def rowCount(self, parent=QModelIndex()): return 3
    def data(self, index, role=Qt.ItemDataRole.DisplayRole): return None if role else True
    def reset(self):
        self.beginResetModel(); self.endResetModel()
        self.dataChanged.emit(self.index(0), self.index(2))
        self.index(0).data(); self.index(0).data(Qt.ItemDataRole.UserRole)

app = QCoreApplication([])
sender, receiver, rows = Sender(), Receiver(), Rows()
sender.said.connect(receiver.take); sender.flagged.connect(receiver.flag)
sender.counted.connect(receiver.count); sender.plain.connect(receiver.nothing)
queued = Qt.ConnectionType.QueuedConnection
sender.said.connect(receiver.take, queued); sender.flagged.connect(receiver.flag, queued)

def work(times):
    for i in range(times):
        sender.said.emit(None); sender.said.emit(True); sender.said.emit(False)
        sender.flagged.emit(True); sender.flagged.emit(False)
        sender.counted.emit(i, "text", 1, 2); sender.plain.emit()
        rows.reset()
        if not i % 100:
            app.processEvents()
    app.processEvents()

def counts():
    return [sys.getrefcount(True), sys.getrefcount(None), sys.getrefcount(False)]

work(200)  # what is made once and kept is made here
before = counts()
work(5000)
print(json.dumps([before, counts()]))
"""


def test_signals_and_resets_keep_the_references_to_the_singletons() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, f"ended with {run.returncode}: {run.stderr[-2000:]}"
    before, after = json.loads(run.stdout)
    lost = {
        name: was - now
        for name, was, now in zip(("True", "None", "False"), before, after, strict=True)
        # Python 3.12 made these objects immortal: their count is a constant there.
        if was - now > 100
    }
    assert not lost, f"references lost in 5,000 rounds: {lost}"
