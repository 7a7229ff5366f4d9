"""A main window with nothing in it, which ends as soon as it is painted: what PySide6 itself costs to start."""

from __future__ import annotations

import sys
import time

from PySide6.QtCore import QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QMainWindow


class BareWindow(QMainWindow):
    painted = False

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.painted:
            self.painted = True
            QTimer.singleShot(0, self.tell)  # when this frame is on the screen

    def tell(self) -> None:
        print(time.monotonic(), flush=True)
        self.close()


application = QApplication(sys.argv)
window = BareWindow()
window.resize(1200, 800)
window.show()
sys.exit(application.exec())
