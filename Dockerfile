# Nothing but the static binary: run it from here, or copy it into an image of yours:
#   COPY --from=reaperd /reaperd /usr/bin/reaperd
FROM scratch
COPY bin/reaperd /reaperd
ENTRYPOINT ["/reaperd"]
CMD ["--help"]
