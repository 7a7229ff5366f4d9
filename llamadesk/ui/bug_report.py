"""What is shown where something went wrong that should not have: a report to copy. Nothing is sent anywhere."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from llamadesk.ui.style import mono_sheet, room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

_TEXT = (
    "An error happened that LlamaDesk did not expect. Your chats are kept, and you can go on; if the window behaves "
    "oddly, close it and open it again. The report below holds no text of your chats. It stays on this computer "
    "unless you copy it into a bug report yourself."
)


class BugReportDialog(QDialog):
    """One report. Further errors while it is open are added to it instead of opening more windows."""

    def __init__(self, report: str, logs: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._logs = logs
        self._n_more = 0
        self.setWindowTitle("Something went wrong")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._report = QPlainTextEdit(report, readOnly=True)
        self._report.setAccessibleName("Report")
        self._report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._report.setTabChangesFocus(True)
        theme = getattr(parent, "theme", None)
        if isinstance(theme, ThemeManager):  # a report can come before the window is whole
            self.setStyleSheet(room_sheet(theme) + mono_sheet(theme))
        self._copy = QPushButton("Copy report")
        self._copy.clicked.connect(self._copy_report)
        folder = QPushButton("Show log folder")
        folder.clicked.connect(self._show_logs)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self._copy)
        buttons.addWidget(folder)
        buttons.addStretch()
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        layout.addWidget(label("Something went wrong", "title"))
        layout.addWidget(label(_TEXT, "muted", wrap=True))
        layout.addWidget(self._report, 1)
        layout.addLayout(buttons)
        self.resize(600, 420)

    @staticmethod
    def show_for(parent: QWidget, report: str, logs: Path) -> BugReportDialog:
        """Show a report, without stopping the window.

        Args:
            parent: the window it belongs to.
            report: what happened, without any text of a chat.
            logs: the folder with the logs.
        """
        for dialog in parent.findChildren(BugReportDialog):
            if dialog.isVisible():
                dialog.add(report)
                return dialog
        dialog = BugReportDialog(report, logs, parent)
        dialog.show()
        return dialog

    def add(self, report: str) -> None:
        """Another error came while the report is open; only the first few are worth reading."""
        self._n_more += 1
        if self._n_more <= 5:
            self._report.appendPlainText(f"\n--- and then ---\n{report}")

    def _copy_report(self) -> None:
        QGuiApplication.clipboard().setText(self._report.toPlainText())
        self._copy.setText("Copied")

    def _show_logs(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._logs)))
