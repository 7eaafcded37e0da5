#!/bin/busybox sh
# The first process of the virtual machine, in its initramfs: makes the machine's root out of the root of the host, which
# is read-only below a layer in memory, and hands over to the script in the folder that is shared with the host.
PATH=/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done </order

share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"; }
share root /host ro,cache=loose
mount -t tmpfs tmpfs /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /root

mount --move /dev /root/dev
mount --move /proc /root/proc
mount -t sysfs sys /root/sys
mkdir -p /root/dev/pts /root/dev/shm "/root/lib/modules/$(uname -r)" /root/.cleat-vm
mount -t devpts devpts /root/dev/pts
mount -t tmpfs tmpfs /root/dev/shm
share modules "/root/lib/modules/$(uname -r)" ro,cache=loose
share exchange /root/.cleat-vm cache=none
exec switch_root /root /bin/sh /.cleat-vm/script
