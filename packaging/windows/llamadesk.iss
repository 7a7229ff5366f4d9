; The Windows installer, for Inno Setup 6.3 or newer. `devlib/windows.py` runs the compiler with these definitions:
;   AppVersion     "0.1.0"
;   NumericVersion "0.1.0.0"
;   BundleFolder   the folder that PyInstaller made
;   OutputFolder   where the installer goes
;   BuildDate, BuildTime   what every installed file is dated with (UTC), so that two builds are alike
;   ProjectPage    address of the project
;   IconFile       optional: the installer's own icon (.ico)
;   SignWith       optional: name of a sign tool given to the compiler with /S; without it nothing is signed
;   On32Bit        optional: lets it install on 32-bit Windows; only for trying it under a 32-bit Wine
;
; For one person, without an administrator: nothing outside the person's own folders and registry is ever written.

#define AppName "LlamaDesk"
#define AppExe "llamadesk.exe"
#define ModelType "LlamaDesk.Model.1"

[Setup]
; The name-based UUID of the application id io.github.llamadesk.LlamaDesk. It must never change: by it a newer version
; finds the older one.
AppId={{A6DC0A3B-7CC4-5207-AAEC-41099D6A91CA}
AppName={#AppName}
AppVersion={#AppVersion}
AppVerName={#AppName} {#AppVersion}
AppPublisher=The LlamaDesk contributors
AppPublisherURL={#ProjectPage}
AppSupportURL={#ProjectPage}/issues
AppUpdatesURL={#ProjectPage}/releases
VersionInfoVersion={#NumericVersion}
VersionInfoProductTextVersion={#AppVersion}
VersionInfoDescription={#AppName} Setup
; Qt 6.11 needs Windows 10 1809.
MinVersion=10.0.17763
#ifndef On32Bit
; x64compatible includes Windows 11 on Arm, which runs x86-64 programs.
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
#endif

PrivilegesRequired=lowest
DefaultDirName={localappdata}\Programs\{#AppName}
DefaultGroupName={#AppName}
; One click installs: folder and group are asked for by nobody; /DIR="..." still chooses another folder.
DisableDirPage=yes
DisableProgramGroupPage=yes
ShowLanguageDialog=auto
WizardStyle=modern
#ifdef IconFile
SetupIconFile={#IconFile}
#endif
UninstallDisplayIcon={app}\{#AppExe}
UninstallDisplayName={#AppName}
ChangesAssociations=yes

; An upgrade closes the app that is running (it saves what was typed) and does not start it again by itself.
CloseApplications=yes
CloseApplicationsFilter=*.exe,*.dll,*.pyd
RestartApplications=no

OutputDir={#OutputFolder}
OutputBaseFilename={#AppName}-{#AppVersion}-windows-x86_64-setup
Compression=lzma2/max
SolidCompression=yes
TimeStampsInUTC=yes
TouchDate={#BuildDate}
TouchTime={#BuildTime}
#ifdef SignWith
SignTool={#SignWith}
#endif

[Languages]
Name: "en"; MessagesFile: "compiler:Default.isl"
Name: "de"; MessagesFile: "compiler:Languages\German.isl"
Name: "es"; MessagesFile: "compiler:Languages\Spanish.isl"
Name: "fr"; MessagesFile: "compiler:Languages\French.isl"
Name: "it"; MessagesFile: "compiler:Languages\Italian.isl"
Name: "ptbr"; MessagesFile: "compiler:Languages\BrazilianPortuguese.isl"
Name: "ja"; MessagesFile: "compiler:Languages\Japanese.isl"
Name: "ru"; MessagesFile: "compiler:Languages\Russian.isl"

[CustomMessages]
en.ModelType=GGUF language model
en.SafeMode=safe mode
en.StillRunning=LlamaDesk is running. Close it, then choose Retry.
en.RemoveData=Your chats, settings and downloaded models are kept in:%n%n%1%n%nDelete them too? This cannot be undone.
de.ModelType=GGUF-Sprachmodell
de.SafeMode=abgesicherter Modus
de.StillRunning=LlamaDesk läuft noch. Beenden Sie es und wählen Sie dann „Wiederholen“.
de.RemoveData=Ihre Chats, Einstellungen und heruntergeladenen Modelle bleiben hier erhalten:%n%n%1%n%nAuch diese löschen? Das lässt sich nicht rückgängig machen.
es.ModelType=Modelo de lenguaje GGUF
es.SafeMode=modo seguro
es.StillRunning=LlamaDesk se está ejecutando. Ciérrelo y elija Reintentar.
es.RemoveData=Sus chats, ajustes y modelos descargados se conservan en:%n%n%1%n%n¿Eliminarlos también? No se puede deshacer.
fr.ModelType=Modèle de langage GGUF
fr.SafeMode=mode sans échec
fr.StillRunning=LlamaDesk est en cours d’exécution. Fermez-le, puis choisissez Réessayer.
fr.RemoveData=Vos discussions, vos réglages et les modèles téléchargés sont conservés dans :%n%n%1%n%nLes supprimer aussi ? Cette action est irréversible.
it.ModelType=Modello linguistico GGUF
it.SafeMode=modalità provvisoria
it.StillRunning=LlamaDesk è in esecuzione. Chiuderlo e scegliere Riprova.
it.RemoveData=Chat, impostazioni e modelli scaricati sono conservati in:%n%n%1%n%nEliminare anche questi? L’operazione non può essere annullata.
ptbr.ModelType=Modelo de linguagem GGUF
ptbr.SafeMode=modo de segurança
ptbr.StillRunning=O LlamaDesk está em execução. Feche-o e escolha Repetir.
ptbr.RemoveData=Suas conversas, configurações e modelos baixados são mantidos em:%n%n%1%n%nExcluí-los também? Isso não pode ser desfeito.
ja.ModelType=GGUF 言語モデル
ja.SafeMode=セーフモード
ja.StillRunning=LlamaDesk が実行中です。終了してから［再試行］を選んでください。
ja.RemoveData=チャット、設定、ダウンロードしたモデルは次の場所に残ります：%n%n%1%n%nこれらも削除しますか？ この操作は元に戻せません。
ru.ModelType=Языковая модель GGUF
ru.SafeMode=безопасный режим
ru.StillRunning=Программа LlamaDesk запущена. Закройте её и нажмите «Повтор».
ru.RemoveData=Ваши чаты, настройки и загруженные модели сохраняются в папке:%n%n%1%n%nУдалить и их? Отменить это будет нельзя.

[InstallDelete]
; Libraries of the older version that the newer one does not have must not stay to be loaded.
Type: filesandordirs; Name: "{app}\_internal"; Check: OursIsThere
Type: filesandordirs; Name: "{app}\licences"; Check: OursIsThere

[Files]
Source: "{#BundleFolder}\*"; Excludes: "*.gguf"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion touch
; A model is as good as incompressible: unpacking it would only make people wait.
Source: "{#BundleFolder}\*.gguf"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion touch nocompression skipifsourcedoesntexist

[Icons]
Name: "{group}\{#AppName}"; Filename: "{app}\{#AppExe}"
Name: "{group}\{#AppName} ({cm:SafeMode})"; Filename: "{app}\{#AppExe}"; Parameters: "--safe-mode"

[Registry]
; What LlamaDesk says of itself, removed with its root.
Root: HKCU; Subkey: "Software\Classes\{#ModelType}"; ValueType: string; ValueData: "{cm:ModelType}"; Flags: uninsdeletekey
Root: HKCU; Subkey: "Software\Classes\{#ModelType}\DefaultIcon"; ValueType: string; ValueData: """{app}\{#AppExe}"",0"
Root: HKCU; Subkey: "Software\Classes\{#ModelType}\shell\open\command"; ValueType: string; ValueData: """{app}\{#AppExe}"" ""%1"""
Root: HKCU; Subkey: "Software\Classes\Applications\{#AppExe}"; ValueType: string; ValueName: "FriendlyAppName"; ValueData: "{#AppName}"; Flags: uninsdeletekey
Root: HKCU; Subkey: "Software\Classes\Applications\{#AppExe}\SupportedTypes"; ValueType: string; ValueName: ".gguf"; ValueData: ""
Root: HKCU; Subkey: "Software\Classes\Applications\{#AppExe}\shell\open\command"; ValueType: string; ValueData: """{app}\{#AppExe}"" ""%1"""
; Offered under "Open with", never taken as the default: the default value of .gguf is not ours to set.
Root: HKCU; Subkey: "Software\Classes\.gguf"; Flags: uninsdeletekeyifempty
Root: HKCU; Subkey: "Software\Classes\.gguf\OpenWithProgids"; Flags: uninsdeletekeyifempty
Root: HKCU; Subkey: "Software\Classes\.gguf\OpenWithProgids"; ValueType: string; ValueName: "{#ModelType}"; ValueData: ""; Flags: uninsdeletevalue

[Run]
Filename: "{app}\{#AppExe}"; Description: "{cm:LaunchProgram,{#AppName}}"; Flags: nowait postinstall skipifsilent

[UninstallDelete]
Type: filesandordirs; Name: "{app}\_internal"
Type: dirifempty; Name: "{app}"

[Code]
{ Whether LlamaDesk is what lies in the folder: /DIR can name any. }
function OursIsThere: Boolean;
begin
  Result := FileExists(ExpandConstant('{app}\llamadesk-engine.exe'));
end;

{ A program that runs cannot be opened for writing. Restart Manager, which closes it for an upgrade, is not at hand in
  an uninstaller, and without an administrator what is in use cannot be removed at the next start of Windows either. }
function IsRunning(const Exe: String): Boolean;
var
  Stream: TFileStream;
begin
  Result := False;
  if not FileExists(Exe) then
    Exit;
  try
    Stream := TFileStream.Create(Exe, fmOpenReadWrite or fmShareExclusive);
    Stream.Free;
  except
    Result := True;
  end;
end;

function InitializeUninstall: Boolean;
begin
  Result := True;
  while Result and (IsRunning(ExpandConstant('{app}\{#AppExe}')) or IsRunning(ExpandConstant('{app}\llamadesk-engine.exe'))) do
    Result := SuppressibleMsgBox(CustomMessage('StillRunning'), mbError, MB_RETRYCANCEL, IDCANCEL) = IDRETRY;
end;

function RemovalIsAskedFor: Boolean;
var
  I: Integer;
begin
  Result := False;
  for I := 1 to ParamCount do
    if CompareText(ParamStr(I), '/REMOVEDATA') = 0 then
      Result := True;
end;

{ Chats and models stay unless the person says otherwise, here or, for a silent removal, with /REMOVEDATA. Models in a
  folder of the person's own choice are never touched. }
procedure OfferToRemoveData;
var
  Folder: String;
begin
  Folder := ExpandConstant('{localappdata}\{#AppName}');
  if not DirExists(Folder) then
    Exit;
  if RemovalIsAskedFor or ((not UninstallSilent) and (MsgBox(FmtMessage(CustomMessage('RemoveData'), [Folder]),
      mbConfirmation, MB_YESNO or MB_DEFBUTTON2) = IDYES)) then
    DelTree(Folder, True, True, True);
end;

procedure CurUninstallStepChanged(CurUninstallStep: TUninstallStep);
begin
  if CurUninstallStep = usPostUninstall then
    OfferToRemoveData;
end;
