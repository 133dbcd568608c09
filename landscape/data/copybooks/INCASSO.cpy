      * INCASSO - MACHTIGINGEN, GELEVERD DOOR DE BANK.
      * RECFM=F, LRECL=64, EBCDIC CP037. VOORLOOP EN SLUITRECORD.
       01  INCASSO-VOORLOOP.
           05  IV-SOORT                 PIC XX.
           05  IV-DATUM                 PIC 9(8).
           05  IV-OPDRACHTGEVER         PIC X(20).
           05  FILLER                   PIC X(34).
       01  INCASSO-MACHTIGING.
           05  IM-SOORT                 PIC XX.
           05  IM-KENMERK               PIC X(20).
           05  IM-KLANTNR               PIC 9(8).
           05  IM-STATUS                PIC X.
               88  IM-AFGEGEVEN         VALUE 'A'.
               88  IM-INGETROKKEN       VALUE 'I'.
           05  IM-GETEKEND              PIC 9(8).
           05  IM-INGETROKKEN-OP        PIC 9(8).
           05  FILLER                   PIC X(17).
       01  INCASSO-SLUIT.
           05  IS-SOORT                 PIC XX.
           05  IS-AANTAL                PIC 9(9).
           05  FILLER                   PIC X(53).
